// All pages, for the tests that hold for each of them and for pictures of them.
import { expect, type Page } from "./fixtures.ts";
import { clusterAdmin, emptyDeployment, unique } from "./helpers.ts";
import { kubernetesName, namespace } from "./namespaces.ts";

/** A key of one's own; gives its id. */
async function apiKey(page: Page): Promise<string> {
  const made = await page.request.post("/v1/api-keys", { data: { name: unique("look"), scopes: { all: true } } });
  return ((await made.json()) as { id: string }).id;
}

/** A webhook of one's own; gives its id. */
async function webhook(page: Page): Promise<string> {
  const data = { name: unique("look"), url: "https://hooks.example.com/x", topics: ["budget"] };
  return ((await (await page.request.post("/v1/webhooks", { data })).json()) as { id: string }).id;
}

/** A link for somebody who is not the person signed in; gives its path. */
async function invitation(page: Page): Promise<string> {
  const data = { email: `${unique("look")}@example.com`, role: "viewer" };
  const made = await page.request.post("/v1/invitations", { data });
  return new URL(((await made.json()) as { link: string }).link).pathname;
}

/** The newest row of the account's log, and the account. */
async function logged(page: Page): Promise<[string, string]> {
  const rows = (await (await page.request.get("/v1/audit?limit=1")).json()) as { items: { id: string }[] };
  const session = (await (await page.request.get("/v1/auth/session")).json()) as { account: { id: string } };
  return [rows.items[0]?.id ?? "", session.account.id];
}

/** A GPU workload that runs: it has a pod, events, a log line and figures. Gives its name and its pod's. */
async function living(page: Page, id: string): Promise<[string, string]> {
  const [name, route] = [unique("alive"), `/v1/kubernetes/namespaces/${id}`];
  // Simulated: nothing is pulled.
  const data = { name, sku_code: "gpu-h100-1x", replicas: 1, image: "registry.invalid/app:1" };
  const made = await page.request.post(`${route}/deployments`, { data });
  expect(made.status(), await made.text()).toBe(201);
  const get = async (path: string) => (await page.request.get(`${route}/${path}`)).json();
  await expect.poll(async () => (await get(`deployments/${name}`)).status, { timeout: 60_000 }).toBe("running");
  const workload = `workloads/deployment/${name}`;
  await expect.poll(async () => (await get(`${workload}/metrics`)).samples.length, { timeout: 60_000 }).toBeGreaterThan(0);
  return [name, (await get(workload)).workload.pods[0].name];
}

/** A Job and a CronJob that start nothing; both have this name. */
async function resting(name: string, namespace: string): Promise<void> {
  const metadata = { name, namespace };
  const containers = [{ name: "app", image: "registry.invalid/app:1" }];
  const labels = { "remotegpu.ai/sku-code": "cpu-shared-8g" };
  const spec = { suspend: true, template: { metadata: { labels }, spec: { restartPolicy: "Never", containers } } };
  const clock = { schedule: "0 0 1 1 *", suspend: true, jobTemplate: { spec } };
  const items = [
    { apiVersion: "batch/v1", kind: "Job", metadata, spec },
    { apiVersion: "batch/v1", kind: "CronJob", metadata, spec: clock },
  ];
  await clusterAdmin(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
}

let made: Promise<string[]> | undefined;

/** Paths of all pages of somebody who is signed in, with something to show on each; made once by each worker. */
export function pages(page: Page): Promise<string[]> {
  made ??= all(page);
  return made;
}

async function all(page: Page): Promise<string[]> {
  const [id, empty] = [await namespace(page), await namespace(page, "empty")];
  const [key, hook] = [await apiKey(page), await webhook(page)];
  const invited = await invitation(page);
  const [row, account] = await logged(page);
  const [name, inside] = [unique("look"), await kubernetesName(page, id)];
  await emptyDeployment(name, inside);
  await resting(name, inside);
  const secret = { name, values: { PASSWORD: "never shown" } };
  expect((await page.request.post(`/v1/kubernetes/namespaces/${id}/secrets`, { data: secret })).status()).toBe(201);
  const [running, pod] = await living(page, id);
  const workloads = `/kubernetes/${id}/workloads`;
  const [workload, alive] = [`${workloads}/deployment/${name}`, `${workloads}/deployment/${running}`];
  return [
    "/",
    "/kubernetes",
    "/kubernetes?new=namespace",
    ...["workloads", "network", "config"].map((part) => `/kubernetes/${empty}/${part}`),
    workloads,
    `${workloads}?item=deployment/one&item=job/two`,
    `${workloads}?q=nothing-of-that-name`,
    workload,
    ...["logs", "terminal", "metrics", "yaml", "yaml?edit=yes"].map((tab) => `${workload}/${tab}`),
    ...["scale", "image", "restart", "rollback", "delete"].map((dialog) => `${workload}?do=${dialog}`),
    alive,
    ...["logs", "terminal", "metrics"].map((tab) => `${alive}/${tab}`),
    `${alive}?do=delete`,
    `${workloads}/pod/${pod}`,
    `${workloads}/job/${name}`,
    `${workloads}/cronjob/${name}`,
    `/kubernetes/${id}/deploy`,
    `/kubernetes/${id}/manifest`,
    `/kubernetes/${id}/access`,
    `/kubernetes/${id}/skypilot`,
    `/kubernetes/${id}/skypilot?verify=1`,
    `/kubernetes/${id}/network`,
    `/kubernetes/${id}/network?new=service`,
    `/kubernetes/${id}/config`,
    ...["secret", "pull-secret", "config-map"].map((what) => `/kubernetes/${id}/config?new=${what}`),
    `/kubernetes/${id}/config/secrets/${name}`,
    `/kubernetes/${id}/config/secrets/${name}?delete=secret`,
    `/kubernetes/${id}/config/config-maps/kube-root-ca.crt`,
    `/kubernetes/${id}/quota`,
    `/kubernetes/${id}/settings`,
    `/kubernetes/${id}/settings?delete=namespace`,
    "/catalogue",
    "/catalogue?price=0.000001",
    "/usage",
    "/usage/records",
    "/usage/budgets",
    "/usage/budgets?new=budget",
    "/settings/api-keys",
    "/settings/api-keys?new=key",
    `/settings/api-keys/${key}`,
    `/settings/api-keys/${key}?do=rotate`,
    "/settings/members",
    "/settings/members?new=member",
    "/settings/webhooks",
    "/settings/webhooks?new=webhook",
    `/settings/webhooks/${hook}`,
    `/settings/webhooks/${hook}?do=rotate`,
    "/settings/account",
    "/platform/accounts",
    "/platform/accounts?new=account",
    `/platform/accounts/${account}`,
    "/engines",
    "/engines?new=engine",
    "/engines?new=on_premise",
    "/engines?new=docker",
    "/engines?new=runpod",
    "/platform/nodes",
    "/platform/nodes/simulated-h100",
    "/platform/nodes/simulated-h100?do=drain",
    "/platform/skus",
    "/platform/skus?new=sku",
    "/platform/skypilot",
    "/platform/skus/gpu-h100-1x",
    "/platform/tenants",
    "/platform/health",
    "/settings/audit",
    `/settings/audit/${row}`,
    "/platform/audit",
    `/platform/audit/${row}`,
    "/settings/cli",
    "/settings/profile",
    "/reauthenticate?next=/",
    "/login?next=/settings/profile",
    "/sign-in-failed",
    `/reset/${"0".repeat(64)}`,
    invited,
  ];
}
