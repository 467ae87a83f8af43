// System health: an operator sees what answers, who leads and what is in trouble, and asks again.
import { expect, hydrated, open, test, type Page } from "../fixtures.ts";

const part = (page: Page, name: string) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });

/**
 * Waits until parts say these words. The page tells the moment in which it was asked and follows nothing: where a part
 * was late just then, or nobody led, it is asked again.
 */
async function said(page: Page, wanted: [name: string, words: string[]][]): Promise<void> {
  let again = false;
  await expect(async () => {
    if (again) await open(page, page.url());
    again = true;
    for (const [name, words] of wanted) {
      for (const word of words) await expect(part(page, name)).toContainText(word, { timeout: 5_000 });
    }
  }).toPass({ timeout: 60_000 });
}

test("operators find the health of the installation", async ({ signedIn: page }) => {
  await open(page, "/");
  await page.getByRole("navigation", { name: "Platform" }).getByRole("link", { name: "System health" }).click();
  await expect(page.getByRole("heading", { name: "System health", level: 1 })).toBeVisible();
  const answers = ["Working", "Answers"];
  await said(page, [
    ["Database", answers],
    ["Home cluster", answers],
    ["Leader", ["runs the loops"]],
  ]);
  for (const name of ["Reconcile loop", "Engines of the platform", "Virtual nodes"]) {
    await expect(part(page, name)).toBeVisible();
  }
  await page.getByRole("button", { name: "Check again" }).click();
  await expect(page).toHaveURL(/\/platform\/health\?$/);
  await hydrated(page);
  await said(page, [["Database", ["Answers"]]]);
  await page.getByRole("link", { name: "Nodes", exact: true }).last().click();
  await expect(page).toHaveURL(/\/platform\/nodes$/);
});
