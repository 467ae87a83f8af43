// Signing in the command line: the page that asks, the way back to the machine, the list of sessions.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createHash, randomBytes } from "node:crypto";
import { expect, open, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";

type Machine = { link: string; verifier: string; state: string; name: string; callback: Promise<URL>; server: Server };

/** What `kubectl-remotegpu login` does: listens on loopback and makes a link with a PKCE challenge. */
async function machine(): Promise<Machine> {
  const verifier = randomBytes(32).toString("base64url");
  const state = randomBytes(32).toString("base64url");
  const name = unique("laptop");
  let arrived: (url: URL) => void;
  const callback = new Promise<URL>((resolve) => (arrived = resolve));
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    response.setHeader("content-type", "text/html");
    if (url.pathname !== "/callback") {
      response.statusCode = 204;
      response.end();
      return;
    }
    response.end("<!DOCTYPE html><html lang='en'><title>RemoteGPU</title><p>Signed in.</p></html>");
    arrived(url);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const query = new URLSearchParams({
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    redirect_port: String((server.address() as AddressInfo).port),
    state,
    name,
  });
  return { link: `/cli/authorize?${query}`, verifier, state, name, callback, server };
}

async function token(page: Page, from: Machine): Promise<string> {
  const url = await from.callback;
  expect(url.searchParams.get("state")).toBe(from.state);
  const data = { code: url.searchParams.get("code"), code_verifier: from.verifier };
  const made = await page.request.post("/v1/cli/token", { data });
  expect(made.status()).toBe(200);
  return ((await made.json()) as { token: string }).token;
}

test("sign in first, allow, come back to the machine by itself, revoke the session", async ({ page, person, playwright, baseURL }) => {
  const from = await machine();

  await test.step("somebody who is not signed in signs in first and comes back to the question", async () => {
    await open(page, from.link);
    await expect(page).toHaveURL(/\/login\?next=/);
    await page.getByLabel("E-mail").fill(person.email);
    await page.getByLabel("Password").fill(person.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page).toHaveURL(/\/cli\/authorize\?/);
  });

  const made = await test.step("the page names machine and person; yes goes back by itself", async () => {
    await expect(page.getByRole("heading", { name: "Sign in the command line on this machine?" })).toBeVisible();
    await expect(page.getByText(from.name)).toBeVisible();
    await expect(page.getByText(person.email)).toBeVisible();
    await page.getByRole("button", { name: "Allow" }).click();
    await expect(page).toHaveURL(/^http:\/\/127\.0\.0\.1:\d+\/callback\?/);
    await expect(page.getByText("Signed in.")).toBeVisible();
    return token(page, from);
  });
  from.server.close();

  const program = await playwright.request.newContext({ baseURL, extraHTTPHeaders: { authorization: `Bearer ${made}` } });
  expect((await program.get("/v1/auth/session")).status()).toBe(200);

  await test.step("the list shows it; revoking it refuses its next request", async () => {
    await open(page, "/settings/cli");
    const row = page.getByRole("row").filter({ hasText: from.name });
    await expect(row).toBeVisible();
    await row.getByRole("link", { name: `Revoke ${from.name}` }).click();
    await expect(page.getByText("is refused from its next request on")).toBeVisible();
    await page.getByRole("button", { name: "Revoke session" }).click();
    await expect(page.getByRole("row").filter({ hasText: from.name })).toHaveCount(0);
    expect((await program.get("/v1/auth/session")).status()).toBe(401);
  });
  await program.dispose();
});

test("cancel tells the machine", async ({ signedIn: page }) => {
  const from = await machine();
  await page.goto(from.link);
  await page.getByRole("link", { name: "Cancel" }).click();
  const url = await from.callback;
  expect([url.searchParams.get("error"), url.searchParams.get("state")]).toEqual(["access_denied", from.state]);
  from.server.close();
});

test("the API reference is one link away, and the console one link back", async ({ signedIn: page }) => {
  for (const from of ["/settings/cli", "/settings/api-keys"]) {
    await open(page, from);
    await page.getByRole("link", { name: "API reference" }).click();
    await expect(page).toHaveURL(/\/docs\/api$/);
    await expect(page.getByRole("heading", { level: 1 })).toContainText("API");
    await page.getByRole("link", { name: "Back to the console" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Overview" })).toBeVisible();
  }
});
