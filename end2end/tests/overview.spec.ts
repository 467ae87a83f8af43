// The first page: what runs and what is free, also for somebody who comes back to it from a shell.
import { expect, open, test } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../pages.ts";

test("the first page says what is free, and what happened while one was away", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const name = unique("away");
  await open(page, "/");
  await expect(page.getByText(/\d+ of \d+ H100 80 GB/)).toBeVisible();
  const row = page.getByRole("region", { name: "Running work" }).getByRole("link", { name, exact: true });
  await expect(row).toHaveCount(0);
  await emptyDeployment(name, await kubernetesName(page, id));
  // The console hears of it by its watch: a moment later.
  const back = async () => {
    await page.evaluate(() => window.dispatchEvent(new Event("focus")));
    return row.count();
  };
  await expect.poll(back).toBe(1);
});
