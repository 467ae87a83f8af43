// All pages, for the tests that hold for each of them and for pictures of them.
import { expect, type Page } from "./fixtures.ts";
import { unique } from "./helpers.ts";

/** A namespace of one's own, made through REST with the page's session. */
async function namespace(page: Page): Promise<string> {
  const made = await page.request.post("/v1/kubernetes/namespaces", { data: { name: unique("look") } });
  const { id } = (await made.json()) as { id: string };
  await expect
    .poll(async () => ((await (await page.request.get(`/v1/kubernetes/namespaces/${id}`)).json()) as { status: string }).status)
    .toBe("active");
  return id;
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

/** Paths of all pages of somebody who is signed in, with a namespace and a key to show. */
export async function pages(page: Page): Promise<string[]> {
  const [id, key, hook] = [await namespace(page), await apiKey(page), await webhook(page)];
  return [
    "/",
    "/kubernetes",
    "/kubernetes?new=namespace",
    `/kubernetes/${id}/workloads`,
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
    "/settings/audit",
    "/platform/audit",
    "/settings/cli",
    "/settings/profile",
    "/reauthenticate?next=/",
    "/sign-in-failed",
    `/reset/${"0".repeat(64)}`,
  ];
}
