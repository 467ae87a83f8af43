// Every page: no serious accessibility finding, nothing in the console, fine at 390 px, in light and dark.
import AxeBuilder from "@axe-core/playwright";
import { expect, hydrated, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { pages } from "../pages.ts";

/** No test goes through all pages: the list grows, and the time of one test does not. */
const PARTS = 4;

for (const scheme of ["light", "dark"] as const) {
  for (let part = 0; part < PARTS; part += 1) {
    test(`every page is accessible in ${scheme}, part ${part + 1} of ${PARTS}`, async ({ signedIn: page }) => {
      await page.emulateMedia({ colorScheme: scheme });
      for (const path of (await pages(page)).filter((_, at) => at % PARTS === part)) {
        await open(page, path);
        const { violations } = await new AxeBuilder({ page }).analyze();
        const serious = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
        expect(serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`), path).toEqual([]);
      }
    });
  }
}

test("no page scrolls sideways at 390 px, and the drawer is shut", async ({ signedIn: page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of await pages(page)) {
    await open(page, path);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, path).toBeLessThanOrEqual(0);
    await expect(page.getByRole("navigation", { name: "Main" }), path).toBeHidden();
  }
});

test("no page scrolls sideways from 1024 to 2560 px", async ({ signedIn: page }) => {
  for (const path of await pages(page)) {
    await page.setViewportSize({ width: 1024, height: 768 });
    await open(page, path);
    for (const width of [1024, 1920, 2560]) {
      await page.setViewportSize({ width, height: 900 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, `${path} at ${width}`).toBeLessThanOrEqual(0);
    }
  }
});

test("on paper a page is its content alone", async ({ signedIn: page }) => {
  await page.emulateMedia({ media: "print" });
  await open(page, "/usage");
  await expect(page.getByRole("heading", { name: "Usage", level: 1 })).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeHidden();
  const share = await page.locator("#content").evaluate((content) => content.clientWidth / window.innerWidth);
  expect(share, "no empty column where the side bar was").toBeGreaterThan(0.95);
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
