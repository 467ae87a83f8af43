// Every page: no serious accessibility finding, nothing in the console, fine at 390 px, in light and dark.
import AxeBuilder from "@axe-core/playwright";
import { expect, hydrated, open, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";

/** A namespace of one's own, made through REST with the page's session. */
async function namespace(page: Page): Promise<string> {
  const made = await page.request.post("/v1/kubernetes/namespaces", { data: { name: unique("look") } });
  const { id } = (await made.json()) as { id: string };
  await expect
    .poll(async () => ((await (await page.request.get(`/v1/kubernetes/namespaces/${id}`)).json()) as { status: string }).status)
    .toBe("active");
  return id;
}

/** A key of one's own; gives its id. */
async function apiKey(page: Page): Promise<string> {
  const made = await page.request.post("/v1/api-keys", { data: { name: unique("look"), scopes: { all: true } } });
  return ((await made.json()) as { id: string }).id;
}

async function pages(page: Page): Promise<string[]> {
  const [id, key] = [await namespace(page), await apiKey(page)];
  return [
    "/",
    "/kubernetes",
    "/kubernetes?new=namespace",
    `/kubernetes/${id}/workloads`,
    `/kubernetes/${id}/deploy`,
    `/kubernetes/${id}/access`,
    `/kubernetes/${id}/settings`,
    "/catalogue",
    "/settings/api-keys",
    "/settings/api-keys?new=key",
    `/settings/api-keys/${key}`,
    `/settings/api-keys/${key}?do=rotate`,
    "/settings/members",
    "/settings/members?new=member",
    "/settings/account",
    "/platform/accounts",
    "/platform/accounts?new=account",
    "/settings/audit",
    "/platform/audit",
    "/settings/cli",
    "/settings/profile",
    "/settings/audit",
    "/platform/audit",
    "/reauthenticate?next=/",
    "/sign-in-failed",
    `/reset/${"0".repeat(64)}`,
  ];
}

for (const scheme of ["light", "dark"] as const) {
  test(`every page is accessible in ${scheme}`, async ({ signedIn: page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    for (const path of await pages(page)) {
      await open(page, path);
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
      expect(serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`), path).toEqual([]);
    }
  });
}

test("no page scrolls sideways at 390 px", async ({ signedIn: page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of await pages(page)) {
    await open(page, path);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, path).toBeLessThanOrEqual(0);
  }
});

test("somebody who is not signed in comes back to where they wanted to go", async ({ page, person }) => {
  await page.goto("/settings/api-keys");
  await expect(page).toHaveURL(/\/login\?next=/);
  await hydrated(page);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/settings\/api-keys$/);
});

test("a name made of markup is shown as text", async ({ signedIn: page }) => {
  const name = `<img src=x onerror=alert(1)> ${unique("key")}`;
  await page.request.post("/v1/api-keys", { data: { name, scopes: { all: true } } });
  await open(page, "/settings/api-keys");
  await expect(page.getByText(name)).toBeVisible();
});

test("signing out ends the session", async ({ signedIn: page }) => {
  await open(page, "/");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login/);
  expect((await page.request.get("/v1/auth/session")).status()).toBe(401);
});
