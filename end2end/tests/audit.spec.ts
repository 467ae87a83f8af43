// The audit log: filters in the URL, new rows by themselves, details, exports; operators see the platform's.
import { expect, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

test("new rows appear by themselves, filters live in the URL, a row shows everything", async ({ signedIn: page }) => {
  const name = unique("audited");
  await open(page, "/settings/audit?action=api_key.created");
  await expect(page.getByText("live", { exact: true })).toBeVisible();

  await test.step("a row arrives without a reload, its name as text", async () => {
    const made = await page.request.post("/v1/api-keys", { data: { name: `<b>${name}</b>`, scopes: { all: true } } });
    expect(made.status()).toBe(201);
    await expect(page.getByTestId("audit-row").filter({ hasText: `<b>${name}</b>` })).toBeVisible();
  });

  await test.step("details with every field", async () => {
    await page.getByTestId("audit-row").filter({ hasText: name }).getByRole("link", { name: /Details/ }).click();
    await expect(page.getByRole("heading", { name: "api_key.created" })).toBeVisible();
    await expect(page.getByText("Request id")).toBeVisible();
    await expect(page.getByRole("button", { name: "Copy request id" })).toBeVisible();
    await expect(page.getByText("Seal", { exact: true })).toBeVisible();
  });

  await test.step("the form is the URL", async () => {
    await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Audit" }).click();
    await page.getByLabel("Action").selectOption("session.created");
    await page.getByLabel("Outcome").selectOption("success");
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await expect(page).toHaveURL(/action=session\.created/);
    await expect(page.getByTestId("audit-row").first()).toContainText("session.created");
    await expect(page.getByTestId("audit-row").filter({ hasText: name })).toHaveCount(0);
    await page.getByRole("link", { name: "Clear" }).click();
    await expect(page).toHaveURL(/\/settings\/audit$/);
  });
});

test("a filter that cannot be says so and offers the way back", async ({ signedIn: page }) => {
  await open(page, "/settings/audit?action=nothing");
  await expect(page.getByText("action must be an action of the audit log")).toBeVisible();
  await page.getByRole("link", { name: "Clear filters" }).click();
  await expect(page.getByTestId("audit-row").first()).toBeVisible();
});

test("exports download what the filters show", async ({ signedIn: page }) => {
  await open(page, "/settings/audit?action=session.created");
  const started = page.waitForEvent("download");
  await page.getByRole("link", { name: "CSV" }).click();
  const download = await started;
  expect(download.suggestedFilename()).toBe("audit.csv");
  const text = await (await download.createReadStream())!.toArray();
  const lines = Buffer.concat(text).toString("utf8").trim().split("\r\n");
  expect(lines[0]).toContain("at,action,outcome");
  expect(lines.slice(1).every((line) => line.includes('"session.created"'))).toBe(true);
});

test("operators switch to the platform's log", async ({ signedIn: page }) => {
  await open(page, "/settings/audit");
  await page.getByRole("link", { name: "Platform", exact: true }).click();
  await expect(page).toHaveURL(/\/platform\/audit$/);
  await expect(page.getByRole("heading", { name: "Platform audit" })).toBeVisible();
  await expect(page.getByTestId("audit-row").first()).toBeVisible();
});
