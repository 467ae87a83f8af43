// The palette and the keys: anywhere in two keystrokes, without a pointer.
import { expect, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

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

  await open(page, "/");
  await page.keyboard.press("?");
  const field = page.getByRole("combobox", { name: "Go to" });
  await field.fill("zebra");
  await expect(page.getByText("Nothing of that name.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(field).toBeHidden();
});
