// System health: an operator sees what answers, who leads and what is in trouble, and asks again.
import { expect, hydrated, open, test } from "../fixtures.ts";

test("operators find the health of the installation", async ({ signedIn: page }) => {
  await open(page, "/");
  await page.getByRole("navigation", { name: "Platform" }).getByRole("link", { name: "System health" }).click();
  await expect(page.getByRole("heading", { name: "System health", level: 1 })).toBeVisible();
  const part = (name: string) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
  for (const name of ["Database", "Home cluster"]) {
    await expect(part(name)).toContainText("Working");
    await expect(part(name)).toContainText("Answers");
  }
  await expect(part("Leader")).toContainText("runs the loops");
  for (const name of ["Reconcile loop", "Engines of the platform", "Virtual nodes"]) {
    await expect(part(name)).toBeVisible();
  }
  await page.getByRole("button", { name: "Check again" }).click();
  await expect(page).toHaveURL(/\/platform\/health\?$/);
  await hydrated(page);
  await expect(part("Database")).toContainText("Answers");
  await page.getByRole("link", { name: "Nodes", exact: true }).last().click();
  await expect(page).toHaveURL(/\/platform\/nodes$/);
});
