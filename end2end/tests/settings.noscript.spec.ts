// Keys, webhooks and budgets without JavaScript: each form once. The secret of a new key is the answer to its form; what
// else is shown only once is refused with the way to get it.
import { expect, signInPlainly, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

test("a key is made without JavaScript: its secret is shown this once, and what is wrong is said in the form", async ({ page, person, request }) => {
  await signInPlainly(page, person);
  const name = unique("plain");
  const dialog = page.getByRole("dialog");
  const create = async (lastDay: string) => {
    await dialog.getByLabel("Name", { exact: true }).fill(name);
    await dialog.getByRole("radio", { name: /Everything/ }).check();
    await dialog.getByLabel("Last day (optional)").fill(lastDay);
    await dialog.getByRole("button", { name: "Create key" }).click();
  };
  await page.goto("/settings/api-keys?new=key");
  await create("2020-01-01");
  await expect(dialog.getByText("The expiry must lie in the future")).toBeVisible();
  await create("2099-12-31");
  await expect(page.getByRole("heading", { name: `Key ${name} is ready`, level: 1 })).toBeVisible();
  const secret = (await page.getByTestId("secret").innerText()).trim();
  expect(secret).toMatch(/^rgpu_\w{8}_\w+$/);
  expect(page.url()).not.toContain(secret);
  // The rights of a valid key end at a namespace that is not there; another secret would be 401.
  const nowhere = "/v1/kubernetes/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/exec-credential";
  const tried = await request.post(nowhere, { headers: { "x-api-key": secret } });
  expect(tried.status()).toBe(403);
  await page.getByRole("link", { name: "Done" }).click();
  await expect(page.getByRole("link", { name, exact: true })).toBeVisible();
  expect(await page.content()).not.toContain(secret);
});

test("a key is renamed, disabled, enabled and revoked without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  const [name, renamed] = [unique("plain"), unique("plainer")];

  const made = await page.request.post("/v1/api-keys", { data: { name, scopes: { all: true } } });
  const { id } = (await made.json()) as { id: string };
  await page.goto(`/settings/api-keys/${id}`);
  await page.getByLabel("Name", { exact: true }).fill(renamed);
  await page.getByLabel("Rights").selectOption("view");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page).toHaveURL(/done=key-changed/);
  await expect(page.getByRole("heading", { name: renamed, level: 1 })).toBeVisible();
  await expect(page.getByLabel("Rights")).toHaveValue("view");

  await page.getByRole("link", { name: "Disable", exact: true }).click();
  await page.getByRole("button", { name: "Disable key" }).click();
  await expect(page).toHaveURL(/done=key-disabled/);
  await page.getByRole("link", { name: "Enable", exact: true }).click();
  await page.getByRole("button", { name: "Enable key" }).click();
  await expect(page).toHaveURL(/done=key-enabled/);
  await page.goto(`/settings/api-keys/${id}?do=revoke`);
  await page.getByRole("button", { name: "Revoke key" }).click();
  await expect(page).toHaveURL(/\/settings\/api-keys\?done=key-revoked/);
  const { status } = (await (await page.request.get(`/v1/api-keys/${id}`)).json()) as { status: string };
  expect(status).toBe("revoked");
});

test("a webhook is changed, tested, disabled, enabled and deleted without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  const name = unique("plain");

  await test.step("a new one is refused: its secret cannot come back with a redirect", async () => {
    await page.goto("/settings/webhooks?new=webhook");
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("Address").fill("https://127.0.0.2:9/hook");
    await page.getByLabel(/^Budgets/).check();
    await page.getByRole("button", { name: "Create webhook" }).click();
    await expect(page.getByRole("alert").filter({ hasText: "use POST /v1/webhooks" })).toBeVisible();
  });

  const data = { name, url: "https://hooks.example.com/x", topics: ["budget"] };
  const { id } = (await (await page.request.post("/v1/webhooks", { data })).json()) as { id: string };
  await page.goto(`/settings/webhooks/${id}`);
  // Nobody is there, and this installation does not connect to this machine, but for the engines' tests at 127.0.0.1.
  await page.getByLabel("Address").fill("https://127.0.0.2:9/hook");
  await page.getByLabel(/^Engines: /).check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page).toHaveURL(/done=webhook-changed/);
  await expect(page.getByText("told of budgets, engines")).toBeVisible();

  await page.getByRole("button", { name: "Send a test" }).click();
  await expect(page).toHaveURL(/done=webhook-tested/);
  await expect(page.getByRole("row", { name: /webhook\.test/ })).toBeVisible();
  await page.getByRole("button", { name: "Disable" }).click();
  await expect(page).toHaveURL(/done=webhook-disabled/);
  await page.getByRole("button", { name: "Enable" }).click();
  await expect(page).toHaveURL(/done=webhook-enabled/);
  await page.getByRole("link", { name: "Delete", exact: true }).click();
  await page.getByRole("button", { name: "Delete webhook" }).click();
  await expect(page).toHaveURL(/\/settings\/webhooks\?done=webhook-deleted/);
  expect((await page.request.get(`/v1/webhooks/${id}`)).status()).toBe(404);
});

test("a budget is set, changed and deleted without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  const id = await namespace(page);
  const { name } = (await (await page.request.get(`/v1/kubernetes/namespaces/${id}`)).json()) as { name: string };
  const amount = page.getByLabel(/^A month's money/);
  const budget = page.getByTestId("budget").filter({ hasText: name });

  await page.goto("/usage/budgets?new=budget");
  await page.getByLabel("For", { exact: true }).selectOption(id);
  await amount.fill("10");
  await page.getByRole("button", { name: "Set budget" }).click();
  await expect(page).toHaveURL(/\/usage\/budgets\?done=budget-saved/);
  await expect(budget.getByText("Within budget")).toBeVisible();

  await page.getByRole("link", { name: `Change the budget of ${name}` }).click();
  await expect(amount).toHaveValue(/^10(\.0+)?$/);
  await amount.fill("20");
  await page.getByLabel("Refuse new pods once all of it is spent; what runs goes on").check();
  await page.getByRole("button", { name: "Save budget" }).click();
  await expect(page).toHaveURL(/\/usage\/budgets\?done=budget-saved/);
  await expect(budget).toContainText("stops new pods");

  await page.getByRole("link", { name: `Delete the budget of ${name}` }).click();
  await page.getByRole("button", { name: "Delete budget" }).click();
  await expect(page).toHaveURL(/\/usage\/budgets\?done=budget-deleted/);
  await expect(budget).toHaveCount(0);
});
