// People and accounts without JavaScript: joined by link, another role, handed over, deleted; limits set by an operator.
import { expect, joinPlainly, signInPlainly, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";

// Whose account is deleted has no page left.
test.use({ refusals: true });

/** A link into the account of whoever is signed in. */
async function invited(page: Page, email: string): Promise<string> {
  const made = await page.request.post("/v1/invitations", { data: { email, role: "member" } });
  return ((await made.json()) as { link: string }).link;
}

/** What the person signed in is in the account `id`. */
async function role(page: Page, id: string): Promise<string> {
  return ((await (await page.request.get(`/v1/accounts/${id}`)).json()) as { role: string }).role;
}

test("an owner without JavaScript invites, changes roles, renames and hands over; the next one deletes", async ({ page, person, request, browser }) => {
  expect((await request.post("/v1/auth/login", { data: person })).ok()).toBe(true);
  const email = (name: string) => `${unique(name)}@example.com`;
  const [owner, heir, late] = [email("owner"), email("heir"), email("late")];
  const account = await request.post("/v1/platform/accounts", { data: { name: unique("plain"), owner_email: owner } });
  const { id, invitation } = (await account.json()) as { id: string; invitation: { link: string } };
  await joinPlainly(page, invitation.link);
  const other = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  await joinPlainly(other, await invited(page, heir));

  await test.step("an invitation is refused, because of its link, and withdrawn", async () => {
    await page.goto("/settings/members?new=member");
    await page.getByLabel("E-mail").fill(late);
    await page.getByRole("button", { name: "Make the link" }).click();
    await expect(page.getByRole("alert").filter({ hasText: "use POST /v1/invitations" })).toBeVisible();
    await invited(page, late);
    await page.goto("/settings/members");
    await page.getByRole("link", { name: `Change the invitation of ${late}` }).click();
    await page.getByRole("button", { name: "Withdraw invitation" }).click();
    await expect(page).toHaveURL(/\/settings\/members\?done=invitation-revoked/);
    await expect(page.getByRole("link", { name: `Change the invitation of ${late}` })).toHaveCount(0);
  });

  await test.step("another role", async () => {
    await page.getByRole("link", { name: `Change ${heir}` }).click();
    await page.getByLabel("Role").selectOption("viewer");
    await page.getByRole("button", { name: "Save role" }).click();
    await expect(page).toHaveURL(/\/settings\/members\?done=role-changed/);
    expect(await role(other, id)).toBe("viewer");
  });

  await test.step("engines are to have an ecosystem", async () => {
    await page.goto("/settings/account");
    const box = page.getByLabel("Require an ecosystem on each engine");
    await expect(box).not.toBeChecked();
    await box.check();
    const saved = page.waitForResponse((response) => response.url().endsWith("/api/account/ecosystem"));
    await page.getByRole("button", { name: "Save" }).click();
    await saved;
    await page.goto("/settings/account");
    await expect(box).toBeChecked();
  });

  const name = unique("plainer");
  await test.step("another name, another owner", async () => {
    await page.goto("/settings/account");
    await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
    await page.getByRole("button", { name: "Rename" }).click();
    const confirm = page.getByLabel(`Type ${name} to confirm`);
    // To hand it over, and to delete it.
    await expect(confirm).toHaveCount(2);
    await page.getByLabel("New owner").selectOption({ label: heir });
    await confirm.first().fill(name);
    await page.getByRole("button", { name: "Hand over" }).click();
    await expect(page.getByRole("button", { name: "Hand over" })).toBeDisabled();
    // Enter in the one field of a form would send it, though its button is blocked.
    await expect(confirm).toHaveCount(2);
    for (const field of await confirm.all()) await expect(field).toBeDisabled();
    expect([await role(page, id), await role(other, id)]).toEqual(["admin", "owner"]);
  });

  await test.step("who was its owner is removed, and the account deleted", async () => {
    await other.goto("/settings/members");
    await other.getByRole("link", { name: `Change ${owner}` }).click();
    await other.getByRole("button", { name: "Remove member" }).click();
    await expect(other).toHaveURL(/\/settings\/members\?done=member-removed/);
    await other.goto("/settings/account");
    await other.getByLabel(`Type ${name} to confirm`).last().fill(name);
    await other.getByRole("button", { name: "Delete account" }).click();
    await expect.poll(async () => (await request.get(`/v1/platform/accounts/${id}`)).status()).toBe(404);
  });
  await other.context().close();
});

test("an operator without JavaScript limits, grants, suspends, resumes and deletes an account", async ({ page, person }) => {
  await signInPlainly(page, person);
  const name = unique("plain");
  const made = await page.request.post("/v1/platform/accounts", { data: { name } });
  const { id } = (await made.json()) as { id: string };
  await page.goto(`/platform/accounts/${id}`);
  await page.getByRole("spinbutton", { name: "Namespaces", exact: true }).fill("3");
  await page.getByRole("button", { name: "Save limits" }).click();
  await expect(page).toHaveURL(/done=limits-changed/);
  await expect(page.getByRole("spinbutton", { name: "Namespaces", exact: true })).toHaveValue("3");

  await page.getByLabel("Only these").check();
  await page.getByLabel("cpu-shared-8g").check();
  await page.getByRole("button", { name: "Save SKUs" }).click();
  await expect(page).toHaveURL(/done=sku-granted/);
  const grants = await (await page.request.get(`/v1/platform/accounts/${id}/skus`)).json();
  expect(grants).toEqual({ all: false, codes: ["cpu-shared-8g"] });

  await page.getByRole("button", { name: "Suspend account" }).click();
  await page.getByRole("button", { name: "Resume account" }).click();
  await expect(page.getByRole("button", { name: "Suspend account" })).toBeVisible();
  await page.getByLabel(`Type ${name} to confirm`).fill(name);
  await page.getByRole("button", { name: "Delete account" }).click();
  await expect(page).toHaveURL(/\/platform\/accounts(\?.*)?$/);
  expect((await page.request.get(`/v1/platform/accounts/${id}`)).status()).toBe(404);
});
