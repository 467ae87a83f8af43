// Tables in the order of a column: by mouse and by keyboard, in the address, and only where the whole list is there.
import { expect, hydrated, open, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

const head = (page: Page, name: string) => page.getByRole("columnheader", { name, exact: true });

/** Prices of the catalogue from the top, SKUs of other tests among them. */
async function prices(page: Page): Promise<number[]> {
  const rows = page.getByRole("region", { name: "SKUs" }).locator("tbody tr");
  const cells = await rows.locator("td:nth-child(6)").allInnerTexts();
  return cells.map((cell) => Number(cell.replace(/[^0-9.]/g, "")));
}

test("a column's head sorts upwards, downwards and not at all, and the address keeps it", async ({ signedIn: page }) => {
  await open(page, "/catalogue?kind=gpu");
  await head(page, "Price").getByRole("link").click();
  await expect(page).toHaveURL(/\?kind=gpu&sort=price$/);
  await expect(head(page, "Price")).toHaveAttribute("aria-sort", "ascending");
  const up = await prices(page);
  expect(up).toEqual([...up].sort((a, b) => a - b));
  await head(page, "Price").getByRole("link").click();
  await expect(head(page, "Price")).toHaveAttribute("aria-sort", "descending");
  const down = await prices(page);
  expect(down).toEqual([...down].sort((a, b) => b - a));
  expect(down.length).toBeGreaterThan(1);
  await page.reload();
  await hydrated(page);
  await expect(head(page, "Price")).toHaveAttribute("aria-sort", "descending");
  await head(page, "Price").getByRole("link").click();
  await expect(page).toHaveURL(/\?kind=gpu$/);
  await expect(head(page, "Price")).not.toHaveAttribute("aria-sort");
});

test("a filter keeps the order, and the keyboard reaches a head", async ({ signedIn: page }) => {
  await open(page, "/catalogue");
  await head(page, "SKU").getByRole("link").focus();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\?sort=sku$/);
  await expect(head(page, "SKU").getByRole("link")).toBeFocused();
  await page.getByLabel("Only what is free").check();
  await expect(page).toHaveURL(/free=yes&sort=sku/);
  await expect(head(page, "SKU")).toHaveAttribute("aria-sort", "ascending");
});

test("a live list is sorted as it changes", async ({ signedIn: page }) => {
  await open(page, "/platform/nodes?sort=-node");
  await expect(head(page, "Node")).toHaveAttribute("aria-sort", "descending");
  const nodes = page.getByRole("region", { name: "Nodes" }).locator("tbody tr td:first-child a");
  const names = async () => (await nodes.allInnerTexts()).map((name) => name.trim().toLowerCase());
  await expect
    .poll(async () => {
      const shown = await names();
      return shown.length > 0 && shown.join(" ") === [...shown].sort().reverse().join(" ");
    })
    .toBe(true);
});

test("a part of a list offers no order: it would pass for the first of all", async ({ signedIn: page }) => {
  for (const name of [unique("many"), unique("many")]) {
    await page.request.post("/v1/kubernetes/namespaces", { data: { name } });
  }
  const first = await page.request.get("/v1/kubernetes/namespaces?limit=1");
  const { next_cursor } = (await first.json()) as { next_cursor: string };
  await open(page, `/kubernetes?cursor=${encodeURIComponent(next_cursor)}&sort=name`);
  await expect(head(page, "Name")).toBeVisible();
  await expect(head(page, "Name")).not.toHaveAttribute("aria-sort");
  await expect(head(page, "Name").getByRole("link")).toHaveCount(0);
});

test("keys come page by page in the order of a column, and another order begins at its first page", async ({ signedIn: page }) => {
  const prefix = unique("order");
  for (const letter of ["b", "A", "c"]) {
    await page.request.post("/v1/api-keys", { data: { name: `${prefix}-${letter}`, scopes: { all: true } } });
  }
  const keys = page.getByRole("region", { name: "API keys" }).locator("tbody tr td:first-child a");
  const own = async () => {
    const names = (await keys.allInnerTexts()).map((name) => name.trim());
    return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length + 1));
  };
  await open(page, "/settings/api-keys");
  await head(page, "Name").getByRole("link").click();
  await expect(page).toHaveURL(/\/api-keys\?sort=name$/);
  await expect.poll(own).toEqual(["A", "b", "c"]);
  await expect(head(page, "Name")).toHaveAttribute("aria-sort", "ascending");
  await head(page, "Name").getByRole("link").click();
  await expect.poll(own).toEqual(["c", "b", "A"]);
  await expect(head(page, "Name")).toHaveAttribute("aria-sort", "descending");
  await head(page, "Created").getByRole("link").click();
  await expect(page).toHaveURL(/\/api-keys\?sort=created$/);
  await expect.poll(own).toEqual(["b", "A", "c"]);

  const first = await page.request.get("/v1/api-keys?limit=1&sort=name");
  const { next_cursor } = (await first.json()) as { next_cursor: string };
  await open(page, `/settings/api-keys?sort=name&cursor=${next_cursor}`);
  await expect(head(page, "Name")).toHaveAttribute("aria-sort", "ascending");
  await expect(head(page, "Last used").getByRole("link")).toHaveCount(0);
  await head(page, "Name").getByRole("link").click();
  await expect(page).toHaveURL(/\/api-keys\?sort=-name$/);
});

test("keys that one page holds come in the order of their last use, those never used last", async ({ signedIn: page, browser, request }) => {
  const name = unique("used");
  const data = { name, owner_email: `${name}@example.com` };
  const account = await page.request.post("/v1/platform/accounts", { data });
  const { invitation } = (await account.json()) as { invitation: { link: string } };
  const owner = await (await browser.newContext()).newPage();
  await open(owner, new URL(invitation.link).pathname);
  await owner.getByLabel("Password").fill("a-password-for-tests");
  await owner.getByRole("button", { name: "Join" }).click();
  await expect(owner).toHaveURL(/\/$/);
  const id = await namespace(owner);
  const secrets = new Map<string, string>();
  for (const called of ["never", "early", "late"]) {
    const made = await owner.request.post("/v1/api-keys", { data: { name: called, scopes: { all: true } } });
    secrets.set(called, ((await made.json()) as { key: string }).key);
  }
  for (const called of ["early", "late"]) {
    const headers = { "x-api-key": secrets.get(called)! };
    const used = await request.post(`/v1/kubernetes/namespaces/${id}/exec-credential`, { headers });
    expect(used.ok(), await used.text()).toBe(true);
  }
  const names = owner.getByRole("region", { name: "API keys" }).locator("tbody tr td:first-child a");
  await open(owner, "/settings/api-keys");
  await head(owner, "Last used").getByRole("link").click();
  await expect(owner).toHaveURL(/\/api-keys\?sort=last-used$/);
  await expect(names).toHaveText(["early", "late", "never"]);
  await head(owner, "Last used").getByRole("link").click();
  await expect(names).toHaveText(["late", "early", "never"]);
  await expect(head(owner, "Last used")).toHaveAttribute("aria-sort", "descending");
  await owner.context().close();
});
