// Every page: no serious accessibility finding, nothing in the console, fine from 390 to 2560 px, in light and dark, and
// all of it within reach of the keyboard.
import { expect, hydrated, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { barriers, looksRight } from "../looks.ts";
import { namespace } from "../namespaces.ts";
import { pages } from "../pages.ts";

/** No test goes through all pages: the list grows, and the time of one test does not. */
const PARTS = 8;

for (let part = 0; part < PARTS; part += 1) {
  test(`every page is accessible in light and dark and by keyboard and fits each screen, part ${part + 1} of ${PARTS}`, async ({ signedIn: page }) => {
    for (const path of (await pages(page)).filter((_, at) => at % PARTS === part)) await looksRight(page, path);
  });
}

for (const scheme of ["light", "dark"] as const) {
  test(`a notice beside the way back, and the open palette over both, are accessible in ${scheme}`, async ({ signedIn: page }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await open(page, "/platform/nodes/simulated-h100?done=node-uncordoned&name=simulated-h100");
    const notice = page.getByText("simulated-h100 takes pods again", { exact: true });
    await expect(notice).toBeVisible();
    await expect(page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Nodes" })).toBeVisible();
    expect(await barriers(page), "the notice").toEqual([]);
    await expect(notice, "it was there to be looked at").toBeVisible();

    await page.keyboard.press("Control+k");
    const palette = page.getByRole("dialog", { name: "Go to" });
    await expect(palette.getByRole("option").first()).toHaveAttribute("aria-selected", "true");
    expect(await barriers(page), "the palette").toEqual([]);
    await palette.getByRole("combobox", { name: "Go to" }).fill("zebra");
    await expect(palette.getByText("Nothing of that name.")).toBeVisible();
    expect(await barriers(page), "the palette that found nothing").toEqual([]);
  });
}

test("on paper a page is its content alone", async ({ signedIn: page }) => {
  await page.emulateMedia({ media: "print" });
  await open(page, "/usage");
  await expect(page.getByRole("heading", { name: "Usage", level: 1 })).toBeVisible();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeHidden();
  const share = await page.locator("#content").evaluate((content) => content.clientWidth / window.innerWidth);
  expect(share, "no empty column where the side bar was").toBeGreaterThan(0.95);
});

test("on paper a page chosen dark is dark on light, and legends keep their colours", async ({ signedIn: page }) => {
  await open(page, "/usage");
  await page.evaluate(() => localStorage.setItem("theme", "dark"));
  await open(page, "/usage");
  await page.emulateMedia({ media: "print" });
  const [scheme, colours] = await page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    return [style.colorScheme, style.getPropertyValue("print-color-adjust")];
  });
  expect([scheme, colours]).toEqual(["light", "exact"]);
});

test("the longest names push no page and no dialog at 390 px", async ({ signedIn: page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const long = unique("w".repeat(54));
  const made = await page.request.post("/v1/kubernetes/namespaces", { data: { name: long } });
  const { id } = (await made.json()) as { id: string };
  const data = { name: unique("W".repeat(91)), scopes: { all: true } };
  const key = ((await (await page.request.post("/v1/api-keys", { data })).json()) as { id: string }).id;
  const notice = `/settings/api-keys?done=keys-revoked&name=${"W".repeat(400)}`;
  const named = ["/kubernetes", `/kubernetes/${id}/settings`, `/kubernetes/${id}/settings?delete=namespace`];
  for (const path of [...named, `/settings/api-keys/${key}`, `/settings/api-keys/${key}?do=revoke`, notice]) {
    await open(page, path);
    const pushed = await page.evaluate(() => {
      const fixed = [...document.querySelectorAll("dialog[open], .toast")];
      return [document.documentElement, ...fixed].filter((box) => box.scrollWidth > box.clientWidth).length;
    });
    expect(pushed, path).toBe(0);
  }
  await expect(page.getByText(/^Revoked for good/)).toBeInViewport({ ratio: 1 });
});

test("a name in a table keeps room for a word at 390 px", async ({ signedIn: page }) => {
  await namespace(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page, "/kubernetes");
  const cell = page.getByRole("region", { name: "Namespaces" }).getByRole("row").nth(1).getByRole("cell").first();
  expect(await cell.evaluate((cell) => cell.getBoundingClientRect().width)).toBeGreaterThan(170);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
});

test("whoever closes a dialog is where it was opened", async ({ signedIn: page }) => {
  await open(page, "/settings/webhooks");
  const link = page.getByRole("link", { name: "New webhook" }).first();
  await link.press("Enter");
  await expect(page.getByRole("dialog", { name: "New webhook" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(link).toBeFocused();
});

test("a dialog that led to another page leaves the focus at its content", async ({ signedIn: page }) => {
  await open(page, "/kubernetes");
  await page.getByRole("link", { name: "New namespace" }).first().press("Enter");
  await page.getByLabel("Name", { exact: true }).fill(unique("focus"));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/access$/);
  await expect(page.locator("#content")).toBeFocused();
});

test("the head of a long table stays while its rows scroll", async ({ signedIn: page }) => {
  for (let at = 0; at < 12; at += 1) {
    await page.request.post("/v1/api-keys", { data: { name: unique("row"), scopes: { all: true } } });
  }
  await page.setViewportSize({ width: 1024, height: 400 });
  await open(page, "/settings/api-keys");
  const table = page.getByRole("region", { name: "API keys" });
  await table.evaluate((region) => region.scrollTo(0, region.scrollHeight));
  expect(await table.evaluate((region) => region.scrollTop)).toBeGreaterThan(100);
  const top = await table.evaluate((region) => {
    const head = region.querySelector("thead")?.getBoundingClientRect().top ?? -1;
    return head - region.getBoundingClientRect().top;
  });
  expect(Math.abs(top)).toBeLessThan(4);
});

test.describe("in India", () => {
  test.use({ timezoneId: "Asia/Kolkata" });

  test("an exact time is that of whoever looks", async ({ signedIn: page }) => {
    await open(page, "/settings/audit");
    await expect(page.getByTestId("audit-row").first().locator("time")).toHaveAttribute("title", /:\d\d UTC\+5:30$/);
  });
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

test.describe("what is not there", () => {
  test.use({ refusals: true });

  test("has a name all the same", async ({ signedIn: page }) => {
    await open(page, "/settings/webhooks/019c1b2e-7f00-7abc-8def-0123456789ab");
    await expect(page).toHaveTitle("Nothing here · RemoteGPU");
  });

  test("looks right, beside the menu and where no page is at all", async ({ signedIn: page }) => {
    for (const path of ["/settings/webhooks/019c1b2e-7f00-7abc-8def-0123456789ab", `/${unique("nothing")}`]) {
      await looksRight(page, path);
      await expect(page.getByRole("heading", { name: "Nothing here", level: 1 }), path).toBeVisible();
    }
  });
});

test("signing out ends the session", async ({ signedIn: page }) => {
  await open(page, "/");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login/);
  expect((await page.request.get("/v1/auth/session")).status()).toBe(401);
});
