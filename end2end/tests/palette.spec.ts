// The palette and the keys: anywhere in two keystrokes, without a pointer.
import AxeBuilder from "@axe-core/playwright";
import { expect, open, test } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

test("go to a page and to a namespace by typing", async ({ signedIn: page }) => {
  const name = unique("typed");
  await page.request.post("/v1/kubernetes/namespaces", { data: { name } });
  await open(page, "/");
  const field = page.getByRole("combobox", { name: "Go to" });

  await page.keyboard.press("Control+k");
  await expect(field).toBeFocused();
  await field.fill("key new");
  await expect(page.getByRole("listbox").getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/settings\/api-keys\?new=key$/);

  await open(page, "/");
  await page.getByRole("button", { name: "Go to…" }).click();
  await field.fill(name);
  await expect(page.getByRole("option", { name: `${name} workloads` })).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/kubernetes\/[0-9a-f-]{36}\/access$/);
  await expect(field).toBeHidden();
});

for (const scheme of ["light", "dark"] as const) {
  test(`its lines can be read in ${scheme}, the chosen one too`, async ({ signedIn: page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await open(page, "/");
    await page.keyboard.press("Control+k");
    await expect(page.getByRole("listbox").getByRole("option").first()).toHaveAttribute("aria-selected", "true");
    const { violations } = await new AxeBuilder({ page }).include("dialog[open]").withRules(["color-contrast"]).analyze();
    expect(violations.flatMap((v) => v.nodes.map((n) => n.html))).toEqual([]);
  });
}

test("the chosen line is in view, however far down; every form of a namespace is there", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const inside = await kubernetesName(page, id);
  await page.setViewportSize({ width: 1024, height: 500 });
  await open(page, "/");
  await page.keyboard.press("Control+k");
  const options = page.getByRole("listbox").getByRole("option");
  await expect(options.filter({ hasText: "New SKU" })).toHaveCount(1);
  for (let at = 0; at < 20; at += 1) await page.keyboard.press("ArrowDown");
  await expect(options.nth(20)).toHaveAttribute("aria-selected", "true");
  await expect(options.nth(20)).toBeInViewport({ ratio: 0.9 });

  const name = inside.slice(0, inside.lastIndexOf("-"));
  await page.getByRole("combobox", { name: "Go to" }).fill(`${name} secret`);
  await expect(options).toHaveCount(2);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "New secret" })).toBeVisible();
  await open(page, `/kubernetes/${id}/network`);
  await page.keyboard.press("c");
  await expect(page.getByRole("dialog", { name: "Expose a port" })).toBeVisible();
});

test("g and a letter go somewhere, but not while one types; Escape closes", async ({ signedIn: page }) => {
  await open(page, "/");
  await page.keyboard.press("g");
  await page.keyboard.press("k");
  await expect(page).toHaveURL(/\/settings\/api-keys$/);

  await open(page, "/kubernetes?new=namespace");
  await page.getByLabel("Name", { exact: true }).fill("");
  await page.getByLabel("Name", { exact: true }).pressSequentially("gk");
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("gk");
  await expect(page).toHaveURL(/new=namespace/);

  await open(page, "/kubernetes");
  await page.keyboard.press("c");
  await expect(page.getByRole("dialog", { name: "New namespace" })).toBeVisible();

  await open(page, "/");
  await page.keyboard.press("?");
  const field = page.getByRole("combobox", { name: "Go to" });
  await field.fill("zebra");
  await expect(page.getByText("Nothing of that name.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(field).toBeHidden();
});

test("a theme is chosen, and one signs out", async ({ signedIn: page }) => {
  await open(page, "/");
  const field = page.getByRole("combobox", { name: "Go to" });
  const root = page.locator("html");
  await page.keyboard.press("Control+k");
  await field.fill("theme dark");
  await expect(page.getByRole("listbox").getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(field).toBeHidden();
  await expect(root).toHaveAttribute("data-theme", "dark");
  await expect(page.getByRole("button", { name: "Theme: dark" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await field.fill("theme system");
  await page.keyboard.press("Enter");
  await expect(root).not.toHaveAttribute("data-theme", /.*/);

  await page.keyboard.press("Control+k");
  await field.fill("sign out");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/login/);
  expect((await page.request.get("/v1/auth/session")).status()).toBe(401);
});

test("j and k go through the rows of a table, Enter opens one", async ({ signedIn: page }) => {
  // A list of one's own: nobody else's rows come and go meanwhile.
  const id = await namespace(page);
  const inside = await kubernetesName(page, id);
  for (const at of [1, 2]) await emptyDeployment(unique(`row${at}`), inside);
  await open(page, `/kubernetes/${id}/workloads`);
  const row = (at: number) => page.getByRole("row").nth(at).getByRole("link").first();
  await expect(page.getByRole("row")).toHaveCount(3);
  await page.keyboard.press("j");
  await expect(row(1)).toBeFocused();
  await page.keyboard.press("j");
  await expect(row(2)).toBeFocused();
  await page.keyboard.press("k");
  await expect(row(1)).toBeFocused();
  await page.keyboard.press("k");
  await expect(row(1)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/workloads\/deployment\/row[12]-[0-9a-f]{8}$/);
});

test("a slash goes to the filter; another page begins at its content", async ({ signedIn: page }) => {
  const id = await namespace(page);
  await open(page, `/kubernetes/${id}/workloads`);
  await page.keyboard.press("/");
  const filter = page.getByRole("searchbox", { name: "Name, image or SKU" });
  await expect(filter).toBeFocused();
  await expect(filter).toHaveValue("");

  await page.getByRole("link", { name: "Usage", exact: true }).first().press("Enter");
  await expect(page).toHaveURL(/\/usage$/);
  await expect(page.getByRole("heading", { name: "Usage", level: 1 })).toBeVisible();
  await expect(page.locator("#content")).toBeFocused();
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.closest("#content") !== null)).toBe(true);
});
