// How people sign in, prove again who they are, and end that: password, sessions, identity provider.
// A wrong password comes from an address of its own: its soft lock would hold up the tests that run beside these.
import { expect, hydrated, open, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { Line } from "../line.ts";

const NEW = "another password for the tests";

/** Signs in at the provider of the tests (its own page) as somebody with this address. */
async function answerProvider(page: Page, email: string): Promise<void> {
  await page.getByPlaceholder("Enter any login").fill(email);
  await page.getByPlaceholder("and password").fill("x");
  await page.getByRole("button", { name: "Sign-in" }).click();
}

/** Somebody of their own, made by the provider: tests run in parallel and must not end each other's sessions. */
async function newPerson(page: Page): Promise<string> {
  const email = `${unique("person")}@example.com`;
  await open(page, "/login?next=/settings/profile");
  await page.getByRole("link", { name: "Sign in with Test provider" }).click();
  await answerProvider(page, email);
  await expect(page).toHaveURL(/\/settings\/profile$/);
  await hydrated(page);
  return email;
}

test("a person signs in with a provider, sets a password, and signs in with it", async ({ page }) => {
  const email = await newPerson(page);
  await expect(page.getByText(`${email}, last used`)).toBeVisible();

  await page.getByLabel("New password").fill(NEW);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("Your password is changed")).toBeVisible();

  await page.getByLabel("Current password").fill(NEW);
  await page.getByLabel("New password").fill(`${NEW} again`);
  // The sentence of the first change still stands there: the answer tells that the second is made.
  const changed = page.waitForResponse(/\/api\/password\/change/);
  await page.getByRole("button", { name: "Change password" }).click();
  expect((await changed).status()).toBe(200);
  await open(page, "/settings/profile");

  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page.getByText("You are signed out here")).toBeVisible();
  await expect(page.getByRole("link", { name: "Also sign out of Test provider" })).toBeVisible();
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(`${NEW} again`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page).not.toHaveURL(/\/login/);
});

test("the list of sessions shows this one, and ends the others", async ({ page, browser }) => {
  const email = await newPerson(page);
  await page.getByLabel("New password").fill(NEW);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("Your password is changed")).toBeVisible();

  const elsewhere = await browser.newContext();
  const login = () => elsewhere.request.post("/v1/auth/login", { data: { email, password: NEW } });
  expect((await login()).status()).toBe(200);
  await open(page, "/settings/profile");
  await expect(page.getByText("This one")).toHaveCount(1);
  await page.getByRole("button", { name: /^Sign out (?!everywhere).+/ }).first().click();
  await expect(page.getByText("That session is ended")).toBeVisible();
  expect((await elsewhere.request.get("/v1/auth/session")).status()).toBe(401);

  expect((await login()).status()).toBe(200);
  await open(page, "/settings/profile");
  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  await expect(page.getByText("You are signed out everywhere else")).toBeVisible();
  expect((await elsewhere.request.get("/v1/auth/session")).status()).toBe(401);
  await open(page, "/settings/profile");
  await expect(page.getByRole("button", { name: "Sign out everywhere else" })).toBeDisabled();
  await elsewhere.close();
});

test("somebody proves again who they are, with the provider and with a password", async ({ page }) => {
  const email = await newPerson(page);
  await open(page, "/reauthenticate?next=/settings/profile");
  await page.getByRole("link", { name: "Confirm with Test provider" }).click();
  await answerProvider(page, email);
  await expect(page).toHaveURL(/\/settings\/profile$/);
  await hydrated(page);

  await page.getByLabel("New password").fill(NEW);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("Your password is changed")).toBeVisible();
  await open(page, "/reauthenticate?next=/settings/profile");
  await page.getByLabel("Password").fill(NEW);
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page).toHaveURL(/\/settings\/profile$/);
});

test.describe("what is refused", () => {
  test.use({ refusals: true });

  test("a wrong password says so, keeps what was typed and where one wanted to go", async ({ page, request, person, baseURL }) => {
    const email = `${unique("owner")}@example.com`;
    expect((await request.post("/v1/auth/login", { data: person })).ok()).toBe(true);
    const account = await request.post("/v1/platform/accounts", { data: { name: unique("forgetful"), owner_email: email } });
    const { invitation } = (await account.json()) as { invitation: { link: string } };
    await open(page, new URL(invitation.link).pathname);
    await page.getByLabel("Password").fill(NEW);
    await page.getByRole("button", { name: "Join" }).click();
    await expect(page).toHaveURL(/\/$/);
    await page.context().clearCookies();

    const line = new Line(new URL(String(baseURL)), "127.0.0.9");
    await line.mend();
    await open(page, line.url("/settings/profile"));
    await expect(page).toHaveURL(/\/login\?next=/);
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill("not this one");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page.getByText("Invalid e-mail or password")).toBeVisible();
    await expect(page.getByLabel("E-mail")).toHaveValue(email);
    await expect(page).toHaveURL(/\/login\?next=/);

    // The lock of a first mistake is over within a second; a right password elsewhere in the browser ends it for good.
    const login = async () => (await page.request.post(line.url("/v1/auth/login"), { data: { email, password: NEW } })).status();
    await expect.poll(login).toBe(200);
    await page.getByLabel("Password").fill(NEW);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await expect(page).toHaveURL(/\/settings\/profile$/);
    await line.cut();
  });

  test("an identity is unlinked once there is another way in, and linked again", async ({ page }) => {
    const email = await newPerson(page);
    await page.getByRole("button", { name: "Unlink Test provider" }).click();
    await expect(page.getByText("This is your only way to sign in")).toBeVisible();
    await page.getByLabel("New password").fill(NEW);
    await page.getByRole("button", { name: "Set password" }).click();
    await expect(page.getByText("Your password is changed")).toBeVisible();
    await page.getByRole("button", { name: "Unlink Test provider" }).click();
    await expect(page.getByText("That account is unlinked")).toBeVisible();
    await page.getByRole("link", { name: "Link Test provider" }).click();
    // The provider still knows who is there.
    await expect(page).toHaveURL(/\/settings\/profile$/);
    await expect(page.getByText(`${email}, last used`)).toBeVisible();
  });

  test("a reset link is a page for everybody and refuses what was never given", async ({ page }) => {
    await open(page, `/reset/${"0".repeat(64)}`);
    await page.getByLabel("New password").fill(NEW);
    // The browser's console reports the refusal itself; the page shows its sentence.
    const answered = page.waitForResponse(/\/api\/password\/reset/);
    await page.getByRole("button", { name: "Save password" }).click();
    expect((await answered).status()).toBe(409);
    await expect(page.getByText("This link was used, has expired or was withdrawn")).toBeVisible();
  });
});

test("a failure at the provider is one page that says nothing but its request id", async ({ page }) => {
  await page.goto("/auth/oidc/test/callback?code=x&state=y");
  await hydrated(page);
  await expect(page.getByRole("heading", { name: "Sign-in failed" })).toBeVisible();
  await expect(page.getByText(/[0-9a-f]{8}-[0-9a-f]{4}-7/)).toBeVisible();
});
