// Without a pointer: the frame of every page, and the way from signing in to what runs.
import { expect, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { tabTo, unreached } from "../keyboard.ts";

test("Tab leads through the whole frame, first to the way past it", async ({ signedIn: page }) => {
  await open(page, "/");
  await page.keyboard.press("Tab");
  const past = page.getByRole("link", { name: "Skip to content" });
  await expect(past).toBeFocused();
  await expect(past).toBeInViewport({ ratio: 1 });
  await expect(page.getByRole("button", { name: "Go to…" })).toBeVisible();
  expect(await unreached(page, "body")).toEqual([]);
});

test("sign in, make a namespace and a key, deploy", async ({ page, person }) => {
  const [team, name] = [unique("typed"), unique("typed")];
  const field = (label: string) => page.getByLabel(label, { exact: true });

  await test.step("sign in", async () => {
    await open(page, "/login");
    await tabTo(page, field("E-mail"));
    await page.keyboard.type(person.email);
    await page.keyboard.press("Tab");
    await expect(field("Password")).toBeFocused();
    await page.keyboard.type(person.password);
    await page.keyboard.press("Enter");
    await expect(page).not.toHaveURL(/\/login/);
    // It stands there as soon as the keys are listened to.
    await expect(page.getByRole("button", { name: "Go to…" })).toBeVisible();
  });

  const id = await test.step("make a namespace", async () => {
    await page.keyboard.press("g");
    await page.keyboard.press("n");
    await expect(page).toHaveURL(/\/kubernetes$/);
    await page.keyboard.press("c");
    await expect(page.getByRole("dialog", { name: "New namespace" })).toBeVisible();
    await tabTo(page, field("Name"));
    await page.keyboard.type(team);
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/\/kubernetes\/[0-9a-f-]{36}\/access/);
    await expect(page.getByText("Active", { exact: true }).first()).toBeVisible({ timeout: 60_000 });
    return new URL(page.url()).pathname.split("/")[2]!;
  });

  await test.step("make a key", async () => {
    await open(page, `/kubernetes/${id}/access`);
    await tabTo(page, page.locator("summary").filter({ hasText: "New key for this namespace" }));
    await page.keyboard.press("Enter");
    await tabTo(page, field("Name"));
    await page.keyboard.type(name);
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("secret")).toBeVisible();
  });

  await test.step("deploy", async () => {
    await open(page, `/kubernetes/${id}/workloads`);
    await tabTo(page, page.getByRole("navigation", { name: "Namespace", exact: true }).getByRole("link", { name: "Deploy" }));
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(/\/deploy$/);
    const chosen = page.locator("input[name='form[sku_code]']:checked");
    await expect(chosen).toBeVisible();
    await tabTo(page, chosen);
    for (let at = 0; at < 60 && (await chosen.inputValue()) !== "gpu-h100-1x"; at += 1) await page.keyboard.press("ArrowDown");
    await expect(chosen).toHaveValue("gpu-h100-1x");
    await tabTo(page, field("Name"));
    await page.keyboard.type(name);
    await tabTo(page, field("Image"));
    await page.keyboard.type("registry.invalid/app:1");
    await tabTo(page, page.getByRole("button", { name: "Deploy", exact: true }));
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(new RegExp(`/workloads/deployment/${name}`));
    await expect(page.getByTestId("reason")).toHaveText(/^Running on simulated/, { timeout: 60_000 });
  });

  await page.request.delete(`/v1/kubernetes/namespaces/${id}/deployments/${name}`);
});
