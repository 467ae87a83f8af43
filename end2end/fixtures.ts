// A page that fails its test on anything a person would find in the browser's console: errors, page errors, CSP reports.
import { expect, test as base, type BrowserContext, type Locator, type Page } from "@playwright/test";

export type Person = { email: string; password: string };

type Fixtures = { person: Person; refusals: boolean; found: string[]; clean: void; signedIn: Page };

export const test = base.extend<Fixtures>({
  // The user of the first start. Tests share it and keep apart by unique names.
  person: async ({}, use) => {
    const email = process.env.REMOTEGPU_ADMIN_EMAIL ?? "admin@remotegpu.local";
    const password = process.env.REMOTEGPU_ADMIN_PASSWORD ?? "";
    await use({ email, password });
  },
  // Set by tests in which the server refuses something: the browser reports each such answer as an error.
  refusals: [false, { option: true }],
  // Of every page of every context that a test opens, its own and those of somebody else.
  found: [
    async ({ browser, refusals, baseURL }, use) => {
      const found: string[] = [];
      const watch = (context: BrowserContext) => {
        context.on("console", (message) => {
          const { url } = message.location();
          // What a provider's own pages fail to load is not ours; nor is what a line that a test has cut does not carry.
          const lost = /Failed to load resource|WebSocket connection to .+ failed/.test(message.text());
          if (lost && !url.startsWith(`${baseURL}/`)) return;
          // A container's network came or went beside the browser: it drops what it loads, and the page asks again.
          if (/net::ERR_NETWORK_CHANGED/.test(message.text())) return;
          if (refusals && /responded with a status of 4\d\d/.test(message.text())) return;
          if (message.type() === "error" || /hydrat/i.test(message.text())) found.push(`${message.text()} ${url}`);
        });
        context.on("weberror", (error) => found.push(String(error.error())));
        void context.addInitScript(() => {
          document.addEventListener("securitypolicyviolation", (event) => {
            console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
          });
        });
      };
      browser.on("context", watch);
      await use(found);
      browser.off("context", watch);
    },
    { auto: true },
  ],
  clean: [
    // The page comes after who watches it.
    async ({ found, page: _ }, use) => {
      await use();
      expect(found, "the browser's console").toEqual([]);
    },
    { auto: true },
  ],
  signedIn: async ({ page, person }, use) => {
    await signIn(page, person);
    await use(page);
  },
});

export { expect, type Locator, type Page };

/** Opens a path and waits until its handlers exist (never a sleep, never `networkidle`). */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await hydrated(page);
}

export async function hydrated(page: Page): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", /.*/);
}

export async function signIn(page: Page, person: Person): Promise<void> {
  await open(page, "/login");
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).not.toHaveURL(/\/login/);
}

/** The same where JavaScript is off: nothing says that the page is ready, and nothing has to. */
export async function signInPlainly(page: Page, person: Person): Promise<void> {
  await page.goto("/login");
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).not.toHaveURL(/\/login/);
}

/** Uses an invitation as somebody who is new. */
export async function join(page: Page, link: string): Promise<void> {
  await open(page, new URL(link).pathname);
  await page.getByLabel("Password").fill("a-password-for-tests");
  await page.getByRole("button", { name: "Join" }).click();
  await expect(page).toHaveURL(/\/$/);
}

/** Uses an invitation as somebody who is new, where JavaScript is off. */
export async function joinPlainly(page: Page, link: string): Promise<void> {
  await page.goto(new URL(link).pathname);
  await page.getByLabel("Password").fill("a-password-for-tests");
  await page.getByRole("button", { name: "Join" }).click();
  await expect(page).toHaveURL(/\/$/);
}

/** Fills fields by their labels. */
export async function fill(page: Page, fields: Record<string, string>): Promise<void> {
  for (const [label, value] of Object.entries(fields)) {
    await page.getByLabel(label, { exact: true }).fill(value);
  }
}
