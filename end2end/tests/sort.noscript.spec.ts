// The order of a table without JavaScript: heads are links.
import { expect, signInPlainly, test } from "../fixtures.ts";

test("a table is sorted by a link", async ({ page, person }) => {
  await signInPlainly(page, person);
  await page.goto("/catalogue");
  const head = page.getByRole("columnheader", { name: "SKU", exact: true });
  await head.getByRole("link").click();
  await expect(page).toHaveURL(/\/catalogue\?sort=sku$/);
  await expect(head).toHaveAttribute("aria-sort", "ascending");
  const titles = await page.locator("tbody tr td:first-child p:first-child").allInnerTexts();
  const words = titles.map((title) => title.replace(/simulated$/i, "").trim().toLowerCase());
  expect(words.length).toBeGreaterThan(1);
  expect(words).toEqual([...words].sort());
});
