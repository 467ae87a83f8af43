// What is only read is read without JavaScript too: what runs, what it costs, who did what, and what every other page is for.
import { expect, joinPlainly, signInPlainly, test, type Page } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

/** Opens a page and reads its name; nothing on it waits for a script that never comes. */
async function read(page: Page, path: string, title: string): Promise<void> {
  const answer = await page.goto(path);
  expect(answer?.status(), path).toBe(200);
  await expect(page.getByRole("heading", { name: title, level: 1, exact: true }), path).toBeVisible();
  // A skeleton, a bar that goes on, or content that a script would put in its place.
  const waiting = page.locator("[aria-busy='true'], [role='progressbar'], progress, template");
  await expect(waiting, `${path} waits`).toHaveCount(0);
  await expect(page.locator("main"), path).not.toContainText(/\bloading\b/i);
}

/** Makes something through REST with the page's session; gives what the answer says of it. */
async function made(page: Page, path: string, data: object): Promise<Record<string, string>> {
  const answer = await page.request.post(path, { data });
  expect(answer.ok(), await answer.text()).toBe(true);
  return (await answer.json()) as Record<string, string>;
}

const row = (page: Page, text: string) => page.getByRole("row").filter({ hasText: text });

test("the workloads of a namespace are listed, filtered and looked into without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  const [id, name] = [await namespace(page), unique("read")];
  await emptyDeployment(name, await kubernetesName(page, id));
  await page.goto(`/kubernetes/${id}/workloads`);
  const link = page.getByRole("region", { name: "Workloads" }).getByRole("link", { name, exact: true });
  await expect(page.getByRole("row").filter({ hasText: name })).toContainText("Scaled to zero");
  await page.getByRole("searchbox", { name: "Name, image or SKU" }).fill("nothing-of-that-name");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(page).toHaveURL(/\?q=nothing-of-that-name$/);
  await expect(page.getByText("Nothing fits the filter")).toBeVisible();
  await page.getByRole("searchbox", { name: "Name, image or SKU" }).fill(name);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await link.click();

  await expect(page).toHaveURL(new RegExp(`/workloads/deployment/${name}$`));
  await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
  await expect(page.getByTestId("reason")).not.toBeEmpty();
  await expect(page.getByText("No pod exists now.")).toBeVisible();
  const tabs = page.getByRole("navigation", { name: "Workload", exact: true });
  await tabs.getByRole("link", { name: "YAML" }).click();
  await expect(page.getByText("registry.invalid/app:1").last()).toBeVisible();
  await expect(page.getByText("replicas: 0")).toBeVisible();
  await tabs.getByRole("link", { name: "Metrics" }).click();
  await expect(page).toHaveURL(/\/metrics$/);
  await expect(page.getByRole("heading", { name: "Last hour" })).toBeVisible();
});

test("usage and the audit log are read and filtered without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  await page.goto("/usage");
  await expect(page.getByRole("heading", { name: "Usage", level: 1 })).toBeVisible();
  await page.getByLabel("From day (UTC)").fill("2026-01-01");
  await page.getByLabel("To day (UTC)").fill("2026-01-31");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page).toHaveURL(/since=2026-01-01&until=2026-01-31/);
  await expect(page.getByText("Nothing was used in these days")).toBeVisible();

  await page.goto("/settings/audit");
  const rows = page.getByTestId("audit-row");
  // Nobody's clock runs: times are written whole.
  await expect(rows.first().locator("time")).toHaveText(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
  await page.getByLabel("Action").selectOption("session.created");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(page).toHaveURL(/action=session\.created/);
  await expect(rows.first()).toContainText("session.created");
  await rows.first().getByRole("link", { name: /^Details/ }).click();
  await expect(page.getByRole("heading", { name: "session.created" })).toBeVisible();
});

test("every page of a namespace is read without JavaScript, and the values of its secrets on none", async ({ page, person, request }) => {
  await signInPlainly(page, person);
  const id = await namespace(page, "read");
  const [route, at, inside] = [`/v1/kubernetes/namespaces/${id}`, `/kubernetes/${id}`, await kubernetesName(page, id)];
  const about = async () => (await (await page.request.get(route)).json()) as { name: string; tenant: string; quota: { resource: string }[] };
  const { name: team, tenant } = await about();
  const [name, hidden, text] = [unique("read"), unique("hidden"), unique("text")];
  const [secret, map, laptop] = [`${name}-secret`, `${name}-map`, `${name}-key`];

  await test.step("config: names and keys; a text on its own page, the value of a secret nowhere", async () => {
    await made(page, `${route}/secrets`, { name: secret, values: { PASSWORD: hidden } });
    await made(page, `${route}/config-maps`, { name: map, data: { MODE: text } });
    const unsaid = async (values: string[]) => {
      const html = await page.content();
      for (const value of values) expect(html).not.toContain(value);
    };
    const coded = Buffer.from(hidden).toString("base64");
    await read(page, `${at}/config`, team);
    await expect(row(page, secret)).toContainText("PASSWORD");
    await expect(row(page, map)).toContainText("MODE");
    await unsaid([hidden, coded, text]);
    await read(page, `${at}/config/secrets/${secret}`, team);
    await expect(page.getByRole("heading", { name: secret })).toBeVisible();
    await expect(page.getByRole("cell", { name: "PASSWORD", exact: true })).toBeVisible();
    await unsaid([hidden, coded]);
    await read(page, `${at}/config/config-maps/${map}`, team);
    await expect(page.getByLabel("Text of MODE")).toHaveValue(text);
  });

  await test.step("network: the address of a service and its port", async () => {
    await emptyDeployment(name, inside);
    await made(page, `${route}/services`, { name, deployment: name, port: 80, target_port: 8080 });
    await read(page, `${at}/network`, team);
    const service = page.getByTestId("service");
    await expect(service).toContainText(`${name}.${inside}.svc.cluster.local:80`);
    await expect(service).toContainText("port 8080");
  });

  await test.step("access: the key that opens it and the credential that it fetched", async () => {
    const key = await made(page, "/v1/api-keys", { name: laptop, scopes: { all: true } });
    const fetched = await request.post(`${route}/exec-credential`, { headers: { "x-api-key": key.key! } });
    expect(fetched.ok(), await fetched.text()).toBe(true);
    await read(page, `${at}/access`, team);
    await expect(page.getByRole("link", { name: laptop, exact: true })).toBeVisible();
    await expect(page.getByTestId("credential").filter({ hasText: laptop })).toContainText("Active");
    await expect(page.getByText("It works", { exact: true })).toBeVisible();
    expect(await page.content()).not.toContain(key.key!);
    await read(page, `/settings/api-keys/${key.id!}`, laptop);
    await expect(page.getByTestId("credential").filter({ hasText: team })).toContainText("Active");
  });

  await test.step("SkyPilot: what is asked for, its files, and the request as operators see it", async () => {
    const data = { service_account: "my-sky", features: ["gpus"] };
    const asked = await page.request.put(`${route}/skypilot`, { data });
    expect(asked.ok(), await asked.text()).toBe(true);
    await read(page, `${at}/skypilot`, team);
    await expect(page.getByText("Waits for an operator").first()).toBeVisible();
    await expect(page.getByText('remote_identity: "my-sky"')).toBeVisible();
    await read(page, "/platform/skypilot", "SkyPilot");
    await expect(row(page, inside)).toContainText("Asked for");
    await page.request.delete(`${route}/skypilot`);
  });

  await test.step("its name and its limits", async () => {
    // The cluster counts a moment after it is active.
    await expect.poll(async () => (await about()).quota.map((line) => line.resource), { timeout: 60_000 }).toContain("pods");
    await read(page, `${at}/settings`, team);
    await expect(page.getByLabel("Console name")).toHaveValue(team);
    await read(page, `${at}/quota`, team);
    await expect(page.getByRole("img", { name: /^pods: 0 of \d+$/ })).toBeVisible();
  });

  await test.step("it is a tenant among those of the platform", async () => {
    await read(page, "/platform/tenants?sort=-created", "Tenants");
    await expect(row(page, tenant)).toContainText("0 connectors");
    await expect(row(page, tenant)).toContainText("Active");
  });
});

test("what the platform has and how it is doing is read without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  await read(page, "/", "Overview");
  await expect(page.getByText(/\d+ of \d+ H100 80 GB/)).toBeVisible();

  await read(page, "/catalogue", "Catalogue");
  const sku = page.getByRole("row").filter({ has: page.getByText("gpu-h100-1x", { exact: true }) });
  await expect(sku).toContainText(/\d+ of \d+ free/);
  await expect(sku).toContainText("/h");

  await read(page, "/platform/nodes", "Nodes");
  await expect(row(page, "simulated-h100")).toContainText("of 16 H100");
  await read(page, "/platform/nodes/simulated-h100", "simulated-h100");
  await expect(page.getByText("nvidia.com/gpu=present:NoSchedule")).toBeVisible();
  await expect(page.getByRole("region", { name: "Pods" }).or(page.getByText("No pod is here"))).toBeVisible();

  await read(page, "/platform/health", "System health");
  const part = page.getByRole("row").filter({ has: page.getByText("Database", { exact: true }) });
  await expect(part).toContainText(/Working|Degraded|Failed/);
});

test("the owner of an account reads without JavaScript who is in it, what it may use and where its pods can run", async ({ page, person, request }) => {
  expect((await request.post("/v1/auth/login", { data: person })).ok()).toBe(true);
  const [customer, owner, guest] = [unique("reader"), `${unique("owner")}@example.com`, `${unique("guest")}@example.com`];
  const account = await request.post("/v1/platform/accounts", { data: { name: customer, owner_email: owner } });
  expect(account.ok(), await account.text()).toBe(true);
  await joinPlainly(page, ((await account.json()) as { invitation: { link: string } }).invitation.link);

  await test.step("overview: the first steps", async () => {
    await read(page, "/", "Overview");
    const steps = page.getByRole("region", { name: "First steps" });
    await expect(steps.getByRole("listitem")).toHaveCount(4);
    await expect(steps.getByRole("link")).toHaveText("New namespace");
  });

  await test.step("members, and who is invited", async () => {
    await made(page, "/v1/invitations", { email: guest, role: "viewer" });
    await read(page, "/settings/members", "Members");
    await expect(row(page, `${owner} (you)`).getByRole("cell", { name: "owner", exact: true })).toBeVisible();
    await expect(row(page, guest)).toContainText("Waiting");
  });

  await test.step("the account: its name and its limits", async () => {
    await read(page, "/settings/account", "Account");
    await expect(page.getByRole("textbox", { name: "Name", exact: true })).toHaveValue(customer);
    await expect(page.getByRole("img", { name: /^namespaces: 0 of \d+$/ })).toBeVisible();
    await expect(page.getByRole("img", { name: /^members: \d+ of \d+$/ })).toBeVisible();
  });

  await test.step("API keys", async () => {
    const key = await made(page, "/v1/api-keys", { name: "laptop", scopes: { all: true } });
    await read(page, "/settings/api-keys", "API keys");
    await expect(row(page, "laptop")).toContainText("never");
    expect(await page.content()).not.toContain(key.key!);
  });

  await test.step("webhooks, and what became of the deliveries of one", async () => {
    const data = { name: "chat", url: "https://hooks.example.com/x", topics: ["deployment"] };
    const { id } = await made(page, "/v1/webhooks", data);
    await read(page, "/settings/webhooks", "Webhooks");
    await expect(row(page, "chat")).toContainText("hooks.example.com");
    await read(page, `/settings/webhooks/${id!}`, "chat");
    await expect(page.getByText("told of deployments")).toBeVisible();
    await expect(page.getByText("Nothing happened yet that it would be told of")).toBeVisible();
    await expect(page.getByLabel("Address")).toHaveValue("https://hooks.example.com/x");
    await expect(page.getByRole("button", { name: "Refresh" }), "a button that does nothing").toBeHidden();
  });

  await test.step("budgets", async () => {
    await made(page, "/v1/budgets", { amount: "10", currency: "EUR" });
    await read(page, "/usage/budgets", "Budgets");
    await expect(page.getByTestId("budget")).toContainText("Whole account");
    await expect(page.getByTestId("budget")).toContainText("Within budget");
  });

  await test.step("engines, and the facts of one", async () => {
    const [name, secret] = [unique("rented"), process.env.REMOTEGPU_TEST_RUNPOD_KEY ?? ""];
    const engine = { kind: "runpod", name, api_key: secret, cloud: "all", max_gpu_price: "1000" };
    const { id } = await made(page, "/v1/engines", { engine });
    await read(page, "/engines", "Engines");
    await expect(row(page, name)).toContainText("RunPod, of this account");
    await read(page, `/engines/${id!}`, name);
    const facts = page.locator("dl").filter({ hasText: "Signs in with" });
    await expect(facts).toContainText("API key");
    await expect(facts).toContainText("this account");
    expect(await page.content()).not.toContain(secret);
    // Refused while the loop that checks it writes what it found.
    const ended = async () => (await page.request.delete(`/v1/engines/${id!}`, { data: { confirm: name } })).ok();
    await expect.poll(ended, { timeout: 60_000 }).toBe(true);
  });
});
