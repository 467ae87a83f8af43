// What a page shows, as a command: copied from the head of each resource, and good for what it says.
import { expect, open, test, type Page } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

/** What a button puts where an empty text was. */
async function copied(page: Page, name: string): Promise<string> {
  const read = () => page.evaluate(() => navigator.clipboard.readText());
  await page.evaluate(() => navigator.clipboard.writeText(""));
  await page.getByRole("button", { name, exact: true }).click();
  await expect.poll(read).not.toBe("");
  return read();
}

/** Where a copied command asks; the answer must be there, and no secret in the command. */
async function asks(page: Page, command: string): Promise<string> {
  const [, url] = /^curl -H "Authorization: Bearer \$REMOTEGPU_TOKEN" '(.+)'$/.exec(command) ?? [];
  expect(url, command).toBeTruthy();
  expect((await page.request.get(url!)).status(), command).toBe(200);
  return new URL(url!).pathname;
}

test("what a page shows is copied as the request that answers it", async ({ signedIn: page }) => {
  const made = await page.request.post("/v1/api-keys", { data: { name: unique("copy"), scopes: { all: true } } });
  const { id } = (await made.json()) as { id: string };
  const pages = {
    [`/settings/api-keys/${id}`]: `/v1/api-keys/${id}`,
    "/settings/api-keys": "/v1/api-keys",
    "/settings/members": "/v1/members",
    "/settings/webhooks": "/v1/webhooks",
    "/settings/audit": "/v1/audit",
    "/settings/cli": "/v1/cli-sessions",
    "/usage": "/v1/usage/summary",
    "/usage/records": "/v1/usage",
    "/usage/budgets": "/v1/budgets",
    "/engines": "/v1/engines",
    "/catalogue": "/v1/skus",
    "/platform/accounts": "/v1/platform/accounts",
    "/platform/audit": "/v1/platform/audit",
    "/platform/skypilot": "/v1/platform/skypilot",
    "/platform/tenants": "/v1/platform/tenants",
    "/platform/skus/gpu-h100-1x": "/v1/platform/skus/gpu-h100-1x",
  };
  for (const [path, rest] of Object.entries(pages)) {
    await open(page, path);
    expect(await asks(page, await copied(page, "Copy as curl")), path).toBe(rest);
  }
});

test("what the cluster has too is copied as kubectl", async ({ signedIn: page }) => {
  await open(page, "/catalogue");
  expect(await copied(page, "Copy as kubectl")).toBe("kubectl get skus");
  const [id, name] = [await namespace(page), unique("copy")];
  const within = await kubernetesName(page, id);
  await emptyDeployment(name, within);
  const workload = `/v1/kubernetes/namespaces/${id}/workloads/deployment/${name}`;
  await expect.poll(async () => (await page.request.get(workload)).status()).toBe(200);
  await open(page, `/kubernetes/${id}/workloads/deployment/${name}`);
  expect(await copied(page, "Copy as kubectl")).toBe(`kubectl describe deployment ${name} -n ${within}`);
  expect(await asks(page, await copied(page, "Copy as curl"))).toBe(workload);
  await open(page, `/kubernetes/${id}/workloads`);
  expect(await copied(page, "Copy as kubectl")).toBe(`kubectl get all -n ${within}`);
  await open(page, "/platform/nodes/simulated-h100");
  expect(await asks(page, await copied(page, "Copy as curl"))).toBe("/v1/nodes/simulated-h100");
  await open(page, "/engines");
  expect(await copied(page, "Copy as kubectl")).toBe("kubectl get nodes -l type=virtual-kubelet");
});
