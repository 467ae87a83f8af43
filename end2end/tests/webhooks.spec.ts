// Outgoing webhooks: made with the secret shown once, tested, every try listed, a new secret, off and on, deleted.
import { expect, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

test("make a webhook, test it, see why it failed, rotate, switch off, delete", async ({ signedIn: page }) => {
  const name = unique("hook");

  await test.step("the secret is shown once", async () => {
    await open(page, "/settings/webhooks");
    await page.getByRole("link", { name: "New webhook" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill(name);
    // Nobody is there, and this installation does not connect to this machine, but for the engines' tests at 127.0.0.1.
    await page.getByLabel("Address").fill("https://127.0.0.2:9/hook");
    await page.getByLabel(/^Budgets/).check();
    await page.getByRole("button", { name: "Create webhook" }).click();
    const secret = await page.getByTestId("secret").innerText();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    await page.getByRole("link", { name: "Done" }).click();
    await expect(page.getByRole("heading", { name })).toBeVisible();
    await expect(page.getByText(secret)).toHaveCount(0);
  });

  await test.step("a test is tried, and the page says what became of it", async () => {
    await page.getByRole("button", { name: "Send a test" }).click();
    await expect(page.getByText(`A test is on its way to ${name}`)).toBeVisible();
    const id = new URL(page.url()).pathname.split("/").pop() ?? "";
    // Other tests set budgets meanwhile, of which it is told too.
    await expect
      .poll(async () => {
        const listed = await (await page.request.get(`/v1/webhooks/${id}/deliveries`)).json();
        const deliveries = (listed as { items: { type: string; attempts: unknown[] }[] }).items;
        return deliveries.find(({ type }) => type === "webhook.test")?.attempts.length ?? 0;
      })
      .toBeGreaterThan(0);
    await page.getByRole("button", { name: "Refresh" }).click();
    const row = page.getByRole("row", { name: /webhook\.test/ });
    await expect(row.getByText("This installation does not connect to that address").first()).toBeVisible();
    await expect(page.getByText("Failing", { exact: true })).toBeVisible();
    await page.getByRole("button", { name: "Send webhook.test again" }).click();
    await expect(page.getByText("It is sent again")).toBeVisible();
  });

  await test.step("settings keep what was typed and name what is wrong", async () => {
    await page.getByLabel(/^Engines: /).check();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByText(`Webhook ${name} is changed`)).toBeVisible();
    await expect(page.getByText("told of budgets, engines")).toBeVisible();
  });

  await test.step("a new secret, while the old one signs on for a day", async () => {
    await page.getByRole("link", { name: "New secret" }).click();
    await page.getByRole("button", { name: "Make a new secret" }).click();
    await expect(page.getByTestId("secret")).toHaveText(/^whsec_/);
    await page.getByRole("link", { name: "Done" }).click();
    await expect(page.getByText(/^Two secrets sign until/)).toBeVisible();
  });

  await test.step("off, and gone", async () => {
    await page.getByRole("button", { name: "Switch off" }).click();
    await expect(page.getByText(`Webhook ${name} is off: nothing is sent`)).toBeVisible();
    await expect(page.getByText("Nothing is sent. Somebody switched it off.")).toBeVisible();
    await page.getByRole("link", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete webhook" }).click();
    await expect(page.getByText(`Webhook ${name} is deleted`)).toBeVisible();
    await expect(page.getByRole("link", { name, exact: true })).toHaveCount(0);
  });
});

test("the same thing done twice shows the page anew twice", async ({ signedIn: page }) => {
  const data = { name: unique("hook"), url: "https://127.0.0.2:9/hook", topics: ["budget"] };
  const { id } = (await (await page.request.post("/v1/webhooks", { data })).json()) as { id: string };
  await open(page, `/settings/webhooks/${id}`);
  const tests = page.getByRole("row", { name: /webhook\.test/ });
  for (const sent of [1, 2, 3]) {
    await page.getByRole("button", { name: "Send a test" }).click();
    await expect(tests).toHaveCount(sent);
    await expect(page.getByText(`A test is on its way to ${data.name}`)).toBeVisible();
  }
});

test("one step back, no button takes back what came later", async ({ signedIn: page }) => {
  const data = { name: unique("hook"), url: "https://127.0.0.2:9/hook", topics: ["budget"] };
  const { id } = (await (await page.request.post("/v1/webhooks", { data })).json()) as { id: string };
  await open(page, `/settings/webhooks/${id}`);
  const undo = page.getByRole("button", { name: "Undo" });
  await page.getByRole("button", { name: "Switch off" }).click();
  await expect(page.getByText(`Webhook ${data.name} is off: nothing is sent`)).toBeVisible();
  await page.getByRole("button", { name: "Switch on" }).click();
  await expect(page.getByText(`Webhook ${data.name} is on`)).toBeVisible();
  await expect(undo).toHaveCount(1);
  await page.goBack();
  await expect(page.getByText(`Webhook ${data.name} is off: nothing is sent`)).toBeVisible();
  await expect(undo).toHaveCount(0);
});

test.describe("what is refused", () => {
  test.use({ refusals: true });

  test("an address that is not https and no topic are named at their fields", async ({ signedIn: page }) => {
    await open(page, "/settings/webhooks?new=webhook");
    await page.getByLabel("Name", { exact: true }).fill("wrong");
    await page.getByLabel("Address").fill("http://hooks.example.com/x");
    await page.getByRole("button", { name: "Create webhook" }).click();
    await expect(page.getByText("The address must begin with https://")).toBeVisible();
    await expect(page.getByText("Choose of what it is told")).toBeVisible();
    await expect(page.getByLabel("Address")).toHaveValue("http://hooks.example.com/x");
  });
});
