// All pages, for the tests that hold for each of them and for pictures of them.
import { expect, type Page } from "./fixtures.ts";
import { emptyDeployment, unique } from "./helpers.ts";

/** A namespace of one's own, made through REST with the page's session. */
export async function namespace(page: Page): Promise<string> {
  const made = await page.request.post("/v1/kubernetes/namespaces", { data: { name: unique("look") } });
  const { id } = (await made.json()) as { id: string };
  await expect
    .poll(async () => ((await (await page.request.get(`/v1/kubernetes/namespaces/${id}`)).json()) as { status: string }).status)
    .toBe("active");
  return id;
}

/** What a namespace is called in the cluster. */
export async function kubernetesName(page: Page, id: string): Promise<string> {
  const found = await page.request.get(`/v1/kubernetes/namespaces/${id}`);
  return ((await found.json()) as { kubernetes_name: string }).kubernetes_name;
}

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

/** Paths of all pages of somebody who is signed in, with a namespace and a key to show. */
export async function pages(page: Page): Promise<string[]> {
  const [id, key, hook] = [await namespace(page), await apiKey(page), await webhook(page)];
  const invited = await invitation(page);
  const [row, account] = await logged(page);
  const name = unique("look");
  await emptyDeployment(name, await kubernetesName(page, id));
  const workload = `/kubernetes/${id}/workloads/deployment/${name}`;
  return [
    "/",
    "/kubernetes",
    "/kubernetes?new=namespace",
    `/kubernetes/${id}/workloads`,
    `/kubernetes/${id}/workloads?item=deployment/one&item=job/two`,
    workload,
    ...["logs", "terminal", "metrics", "yaml", "yaml?edit=yes"].map((tab) => `${workload}/${tab}`),
    ...["scale", "image", "restart", "rollback", "delete"].map((dialog) => `${workload}?do=${dialog}`),
    `/kubernetes/${id}/deploy`,
    `/kubernetes/${id}/manifest`,
    `/kubernetes/${id}/access`,
    `/kubernetes/${id}/skypilot`,
    `/kubernetes/${id}/skypilot?verify=1`,
    `/kubernetes/${id}/network`,
    `/kubernetes/${id}/config`,
    `/kubernetes/${id}/config?new=secret`,
    `/kubernetes/${id}/config/config-maps/kube-root-ca.crt`,
    `/kubernetes/${id}/settings`,
    "/catalogue",
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
    "/sign-in-failed",
    `/reset/${"0".repeat(64)}`,
    invited,
  ];
}
