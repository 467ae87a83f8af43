// A log of 20,000 lines: only what is seen is in the page, all of it can be searched and scrolled to.
import { expect, open, test } from "../fixtures.ts";
import { image } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

test("a log of 20,000 lines stays light, is searched whole, and is scrolled to its start", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const deployments = `/v1/kubernetes/namespaces/${id}/deployments`;
  const status = async (path: string) => ((await (await page.request.get(path)).json()) as { status: string }).status;
  const program = "n=0; while [ $n -lt 20000 ]; do n=$((n+1)); echo line $n; done; while :; do sleep 1; done";
  const data = {
    name: "long",
    sku_code: "cpu-shared-8g",
    replicas: 1,
    image: await image(),
    command: ["/bin/sh", "-c", program],
  };
  expect((await page.request.post(deployments, { data })).status()).toBe(201);
  await expect.poll(() => status(`${deployments}/long`), { timeout: 60_000 }).toBe("running");

  await open(page, `/kubernetes/${id}/workloads/deployment/long/logs`);
  await page.getByLabel("How much").selectOption("100000");
  const log = page.getByRole("log");
  const lines = page.getByTestId("lines");
  await expect(lines).toHaveText("20 000 lines", { timeout: 60_000 });
  await expect(log.getByText("line 20000", { exact: true })).toBeVisible();
  expect(await log.locator("> *").count()).toBeLessThan(200);

  await page.getByLabel("Find in log").fill("line 19999");
  await expect(lines).toHaveText("1 of 20 000 lines");
  await expect(log.getByText("line 19999", { exact: true })).toBeVisible();
  await page.getByLabel("Find in log").fill("");

  await log.focus();
  await page.keyboard.press("Home");
  await expect(page.getByLabel("Follow")).not.toBeChecked();
  await expect(log.getByText("line 1", { exact: true })).toBeVisible();
  await expect(log.getByText("line 20000", { exact: true })).toHaveCount(0);
  expect(await log.locator("> *").count()).toBeLessThan(200);
});
