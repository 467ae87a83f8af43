// Outgoing webhooks: made with the secret shown once, tested, every try listed, a new secret, off and on, deleted.
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { type AddressInfo } from "node:net";
import { expect, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

/** A receiver on this machine that the platform of the tests trusts; it answers 204 and keeps the types it was told of. */
async function receiver(): Promise<{ server: Server; url: string; told: string[] }> {
  const [cert, key] = await Promise.all([
    readFile(process.env.REMOTEGPU_TEST_RECEIVER_CERT ?? ""),
    readFile(process.env.REMOTEGPU_TEST_RECEIVER_KEY ?? ""),
  ]);
  const told: string[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      told.push((JSON.parse(body) as { type: string }).type);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, told };
}

test("make a webhook, test it, see why it failed, rotate, disable, delete", async ({ signedIn: page }) => {
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

  await test.step("disabled, and gone", async () => {
    await page.getByRole("button", { name: "Disable" }).click();
    await expect(page.getByText(`Webhook ${name} is disabled: nothing is sent`)).toBeVisible();
    await expect(page.getByText("Nothing is sent. Somebody disabled it.")).toBeVisible();
    await page.getByRole("link", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete webhook" }).click();
    await expect(page.getByText(`Webhook ${name} is deleted`)).toBeVisible();
    await expect(page.getByRole("link", { name, exact: true })).toHaveCount(0);
  });
});

test("a message that arrives is shown as delivered, with what the receiver answered", async ({ signedIn: page }) => {
  const { server, url, told } = await receiver();
  const data = { name: unique("hook"), url, topics: ["key_expiry"] };
  const { id } = (await (await page.request.post("/v1/webhooks", { data })).json()) as { id: string };
  await open(page, `/settings/webhooks/${id}`);
  await page.getByRole("button", { name: "Send a test" }).click();
  await expect(page.getByText(`A test is on its way to ${data.name}`)).toBeVisible();
  // Other tests make keys meanwhile, of whose end it may be told too.
  await expect
    .poll(async () => {
      const listed = await (await page.request.get(`/v1/webhooks/${id}/deliveries`)).json();
      return (listed as { items: { type: string; state: string }[] }).items.find(({ type }) => type === "webhook.test")?.state;
    })
    .toBe("delivered");
  await page.getByRole("button", { name: "Refresh" }).click();
  const row = page.getByRole("row", { name: /webhook\.test/ });
  await expect(row.getByText("Delivered", { exact: true })).toBeVisible();
  await expect(row.getByText(/^answered 204, \d+ ms/)).toBeVisible();
  expect(told).toContain("webhook.test");
  server.close();
  expect((await page.request.delete(`/v1/webhooks/${id}`)).status()).toBe(204);
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

test("a notice is told once: no step and no reload brings it or its button again", async ({ signedIn: page }) => {
  const data = { name: unique("hook"), url: "https://127.0.0.2:9/hook", topics: ["budget"] };
  const { id } = (await (await page.request.post("/v1/webhooks", { data })).json()) as { id: string };
  await open(page, `/settings/webhooks/${id}`);
  const dialog = page.getByRole("dialog");
  await page.getByRole("link", { name: "New secret" }).click();
  await expect(dialog).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  const [off, on] = [`Webhook ${data.name} is disabled: nothing is sent`, `Webhook ${data.name} is enabled`];
  const undo = page.getByRole("button", { name: "Undo" });
  await page.getByRole("button", { name: "Disable" }).click();
  await expect(page.getByText(off)).toBeVisible();
  await page.getByRole("button", { name: "Enable" }).click();
  await expect(page.getByText(on)).toBeVisible();
  await expect(undo).toHaveCount(1);
  await expect(page).toHaveURL(new RegExp(`/settings/webhooks/${id}$`));
  const silent = async () => {
    for (const gone of [page.getByText(off), page.getByText(on), undo]) await expect(gone).toHaveCount(0);
  };
  await page.goBack();
  await expect(dialog).toBeVisible();
  await silent();
  await page.goForward();
  await expect(dialog).toHaveCount(0);
  await silent();
  await page.reload();
  await expect(page.getByRole("button", { name: "Disable" })).toBeVisible();
  await silent();
});

test("a notice of the address it was opened with is shown, and not again", async ({ signedIn: page }) => {
  await open(page, "/settings/webhooks?new=webhook&done=webhook-enabled.1&name=demo");
  await expect(page.getByText("Webhook demo is enabled")).toHaveCount(1);
  await expect(page).toHaveURL(/\/settings\/webhooks\?new=webhook$/);
  await expect(page.getByRole("dialog", { name: "New webhook" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("dialog", { name: "New webhook" })).toBeVisible();
  await expect(page.getByText("Webhook demo is enabled")).toHaveCount(0);
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
