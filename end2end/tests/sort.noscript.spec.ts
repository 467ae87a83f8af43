// The order of a table without JavaScript: heads are links.
import { expect, signInPlainly, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

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

test("a list that comes in pages is sorted by a link too", async ({ page, person }) => {
  await signInPlainly(page, person);
  const prefix = unique("plain");
  for (const letter of ["b", "a"]) {
    await page.request.post("/v1/api-keys", { data: { name: `${prefix}-${letter}`, scopes: { all: true } } });
  }
  await page.goto("/settings/api-keys");
  const head = page.getByRole("columnheader", { name: "Name", exact: true });
  await head.getByRole("link").click();
  await expect(page).toHaveURL(/\/settings\/api-keys\?sort=name$/);
  await expect(head).toHaveAttribute("aria-sort", "ascending");
  const names = await page.locator("tbody tr td:first-child a").allInnerTexts();
  const own = names.map((name) => name.trim()).filter((name) => name.startsWith(prefix));
  expect(own).toEqual([`${prefix}-a`, `${prefix}-b`]);
});
