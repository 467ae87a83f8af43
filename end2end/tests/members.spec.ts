// People of an account: invited by link, another role, out again; each change counts from the next request on.
import { expect, hydrated, open, signIn, test } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

const password = "a-password-for-tests";

// Whoever is removed or suspended has pages open that ask on.
test.use({ refusals: true });

test("invite, join in another browser, change the role, remove", async ({ signedIn: page, browser }) => {
  const email = `${unique("person")}@example.com`;

  const link = await test.step("make a link, shown once", async () => {
    await open(page, "/settings/members");
    await page.getByRole("link", { name: "Invite somebody" }).click();
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Role").selectOption("admin");
    await page.getByRole("button", { name: "Make the link" }).click();
    const link = await page.getByTestId("secret").innerText();
    expect(link).toMatch(/\/invite\/[0-9a-f]{64}$/);
    await page.getByRole("link", { name: "Done" }).click();
    await expect(page.getByRole("region", { name: "Invitations" }).getByText(email)).toBeVisible();
    await expect(page.getByText(link)).toHaveCount(0);
    return link;
  });

  const context = await browser.newContext();
  const other = await context.newPage();
  await test.step("somebody new joins with a password of their choice", async () => {
    await open(other, new URL(link).pathname);
    await expect(other.getByText(email)).toBeVisible();
    await other.getByLabel("Password").fill(password);
    await other.getByRole("button", { name: "Join" }).click();
    await expect(other).toHaveURL(/\/$/);
    await open(other, "/settings/members");
    await expect(other.getByText(`${email} (you)`)).toBeVisible();
    await expect(other.getByRole("link", { name: "Invite somebody" })).toBeVisible();
  });

  await test.step("the link is used up", async () => {
    const third = await (await browser.newContext()).newPage();
    await open(third, new URL(link).pathname);
    await expect(third.getByText("This link was used, has expired or was withdrawn")).toBeVisible();
    await third.context().close();
  });

  await test.step("a role is taken back from its notice, and the list says so", async () => {
    await open(page, "/settings/members");
    const row = page.getByRole("region", { name: "Members", exact: true }).getByRole("row").filter({ hasText: email });
    await page.getByRole("link", { name: `Change ${email}` }).click();
    await page.getByLabel("Role").selectOption("viewer");
    await page.getByRole("button", { name: "Save role" }).click();
    await expect(row).toContainText("viewer");
    await page.getByRole("button", { name: "Undo" }).click();
    await expect(row).toContainText("admin");
  });

  await test.step("a weaker role counts from the next request on", async () => {
    await open(page, "/settings/members");
    await page.getByRole("link", { name: `Change ${email}` }).click();
    await page.getByLabel("Role").selectOption("viewer");
    await page.getByRole("button", { name: "Save role" }).click();
    await expect(page.getByText(`${email} has another role now`)).toBeVisible();
    const refused = await other.request.post("/v1/kubernetes/namespaces", { data: { name: unique("late") } });
    expect(refused.status()).toBe(403);
    await open(other, "/settings/members");
    await expect(other.getByText(`${email} (you)`)).toBeVisible();
    await expect(other.getByRole("link", { name: "Invite somebody" })).toHaveCount(0);
    await expect(other.getByRole("button", { name: "Invite somebody" })).toHaveAttribute("title", /^Owners and admins/);
    await open(other, "/kubernetes");
    const create = other.getByRole("button", { name: "New namespace" }).first();
    await expect(create).toHaveAttribute("title", "Owners, admins and members may do this");
    await expect(create).toBeDisabled();
    // By keyboard it is reached, and its reason is read out and seen; pressing it does nothing.
    await create.focus();
    await expect(create).toBeFocused();
    await expect(create).toHaveAccessibleDescription("Owners, admins and members may do this");
    expect(await create.evaluate((button) => getComputedStyle(button, "::after").position)).toBe("fixed");
    await create.press("Enter");
    await expect(other).toHaveURL(/\/kubernetes$/);
    await expect(other.getByRole("link", { name: "New namespace" })).toHaveCount(0);
  });

  await test.step("what refuses them as a whole is not in the side bar, and forms say it on their buttons", async () => {
    const main = other.getByRole("navigation", { name: "Main" });
    await expect(main.getByRole("link", { name: "Members" })).toBeVisible();
    for (const closed of ["Audit", "Engines", "Webhooks"]) {
      await expect(main.getByRole("link", { name: closed })).toHaveCount(0);
    }
    await open(other, `/kubernetes/${await namespace(page)}/settings`);
    const why = "Owners, admins and members may do this";
    for (const button of ["Rename", "Save default SKU", "Save rule", "Delete namespace"]) {
      await expect(other.getByRole("button", { name: button })).toHaveAttribute("title", why);
    }
  });

  await test.step("menus of rows and what is done to those that are ticked say it too", async () => {
    const id = await namespace(page);
    const web = unique("web");
    await emptyDeployment(web, await kubernetesName(page, id));
    await open(other, `/kubernetes/${id}/workloads`);
    const row = other.getByRole("row").filter({ hasText: web });
    await row.getByLabel(`Actions for ${web}`).click();
    await expect(row.getByRole("link", { name: "Logs" })).toBeVisible();
    const why = "Owners, admins and members may do this";
    for (const action of ["Scale", "Restart", "Change image", "Delete"]) {
      await expect(row.getByRole("button", { name: action, exact: true })).toHaveAttribute("title", why);
      await expect(row.getByRole("link", { name: action, exact: true })).toHaveCount(0);
    }
    await row.getByRole("checkbox", { name: `Select ${web}` }).check();
    await expect(other.getByRole("button", { name: "Delete selected" })).toHaveAttribute("title", why);
    await other.keyboard.press("Control+k");
    await other.getByRole("combobox", { name: "Go to" }).fill("new api key");
    await expect(other.getByText("Nothing of that name.")).toBeVisible();
  });

  await test.step("a forgotten password: the link is shown once and works once", async () => {
    await open(page, "/settings/members");
    await page.getByRole("link", { name: `Change ${email}` }).click();
    await page.getByRole("button", { name: "Make a reset link" }).click();
    const reset = await page.getByTestId("secret").innerText();
    await open(page, "/settings/members");
    await expect(page.getByText(reset)).toHaveCount(0);
    await open(other, new URL(reset).pathname);
    await other.getByLabel("New password").fill(`${password}-2`);
    await other.getByRole("button", { name: "Save password" }).click();
    await expect(other).toHaveURL(/\/login/);
    await signIn(other, { email, password: `${password}-2` });
  });

  await test.step("a removed person is out at once", async () => {
    await open(page, "/settings/members");
    await page.getByRole("link", { name: `Change ${email}` }).click();
    await page.getByRole("button", { name: "Remove member" }).click();
    await expect(page.getByText(`${email} is no longer a member`)).toBeVisible();
    expect((await other.request.get("/v1/auth/session")).status()).toBe(401);
    await other.goto("/settings/members");
    await expect(other).toHaveURL(/\/login/);
  });
  await context.close();
});

test("an operator makes an account, limits it, looks in, suspends and deletes it", async ({ signedIn: page, browser }) => {
  const name = unique("customer");
  const email = `${unique("owner")}@example.com`;
  await open(page, "/platform/accounts");
  await page.getByRole("link", { name: "New account" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("First owner's e-mail").fill(email);
  await page.getByRole("button", { name: "Create account" }).click();
  const link = await page.getByTestId("secret").innerText();
  await page.getByRole("link", { name: "Open account" }).click();
  await expect(page.getByRole("heading", { name })).toBeVisible();
  await hydrated(page);
  const account = new URL(page.url()).pathname;

  const owner = await (await browser.newContext()).newPage();
  await open(owner, new URL(link).pathname);
  await owner.getByLabel("Password").fill(password);
  await owner.getByRole("button", { name: "Join" }).click();
  await expect(owner).toHaveURL(/\/$/);

  await page.getByLabel("Namespaces", { exact: true }).fill("0");
  await page.getByRole("button", { name: "Save limits" }).click();
  await expect(page.getByText("The limits are saved")).toBeVisible();
  const full = await owner.request.post("/v1/kubernetes/namespaces", { data: { name: "one" } });
  expect([full.status(), ((await full.json()) as { code: string }).code]).toEqual([409, "quota_exceeded"]);

  await test.step("GPUs of one class get a limit of their own and lose it", async () => {
    const limit = page.getByLabel("GPUs of class h100 per namespace");
    await open(page, account);
    await expect(limit).toHaveValue("");
    await limit.fill("2");
    await page.getByRole("button", { name: "Save limits" }).click();
    await expect(page.getByText("The limits are saved")).toBeVisible();
    await open(page, account);
    await expect(limit).toHaveValue("2");
    await limit.fill("");
    await page.getByRole("button", { name: "Save limits" }).click();
    await expect(page.getByText("The limits are saved")).toBeVisible();
    await open(page, account);
    await expect(limit).toHaveValue("");
  });

  await page.getByLabel("Reason").fill("ticket 7");
  await page.getByRole("button", { name: "Look in" }).click();
  await expect(page.getByText(`You look at ${name} as support, read only`)).toBeVisible();
  await page.getByRole("button", { name: "Leave" }).click();
  await expect(page).toHaveURL(/\/platform\/accounts$/);

  await open(page, account);
  await page.getByRole("button", { name: "Suspend account" }).click();
  await expect(page.getByText("Suspended", { exact: true })).toBeVisible();
  await open(owner, "/kubernetes");
  await expect(owner.getByText("This account is suspended")).toBeVisible();

  await open(page, account);
  await page.getByLabel(/^Type/).fill(name);
  await page.getByRole("button", { name: "Delete account" }).click();
  await expect(page.getByText(`Account ${name} is deleted`)).toBeVisible();
  await owner.context().close();
});

test("a person in two accounts switches between them", async ({ page, person }) => {
  await signIn(page, person);
  const name = unique("second");
  const made = await page.request.post("/v1/platform/accounts", { data: { name, owner_email: person.email } });
  const { invitation } = (await made.json()) as { invitation: { link: string } };
  await open(page, new URL(invitation.link).pathname);
  await page.getByRole("button", { name: "Join" }).click();
  await expect(page.getByLabel("Account", { exact: true }).locator("option:checked")).toHaveText(name);
  await page.getByLabel("Account", { exact: true }).selectOption("default");
  await page.getByRole("button", { name: "Switch" }).click();
  await expect(page.getByLabel("Account", { exact: true }).locator("option:checked")).toHaveText("default");
  await open(page, "/settings/account");
  await expect(page.getByRole("heading", { name: "Account", exact: true })).toBeVisible();
  await page.setViewportSize({ width: 1000, height: 800 });
  await expect(page.getByRole("combobox", { name: "Account to act in" })).toBeVisible();
});
