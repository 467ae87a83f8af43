// The other vendor's words: a tenant made through its API shows in the console, and the console connects one's own cluster.
import { readFile } from "node:fs/promises";
import { expect, open, test, type Page, type Person } from "../fixtures.ts";
import { kubectl, unique } from "../helpers.ts";
import { newest } from "../namespaces.ts";

/** The header of somebody who signed in to the tenant API. */
async function token(page: Page, person: Person): Promise<Record<string, string>> {
  const data = { username: person.email, password: person.password };
  const answer = await page.request.post("/k8sgpu/v1/user/login/", { data });
  expect(answer.status()).toBe(200);
  return { authorization: ((await answer.json()) as { token: string }).token };
}

/** Orders a tenant and waits until it is ready; gives its id. */
async function tenant(page: Page, headers: Record<string, string>, label: string): Promise<string> {
  const ordered = await page.request.post("/k8sgpu/v1/cluster/", { headers, data: { label } });
  const { message, cluster } = (await ordered.json()) as { message: string; cluster: string };
  expect([ordered.status(), message]).toEqual([202, "Cluster in creation"]);
  const seen = async () => (await (await page.request.get(`/k8sgpu/v1/cluster/${cluster}`, { headers })).json()) as { created: boolean };
  await expect.poll(async () => (await seen()).created, { timeout: 60_000 }).toBe(true);
  return cluster;
}

test("a tenant of the API is a namespace of the console, and its connector works until it is revoked", async ({ signedIn: page, person }, info) => {
  const headers = await token(page, person);
  const label = unique("label");
  const cluster = await tenant(page, headers, label);

  await test.step("operators see it with its account", async () => {
    await open(page, "/platform/tenants?sort=-created");
    await expect(page.getByRole("heading", { name: "Tenants", level: 1 })).toBeVisible();
    const row = page.getByRole("row").filter({ hasText: cluster });
    await expect(row).toContainText(label);
    await expect(row).toContainText("0 connectors");
    await expect(page.getByText("helm upgrade --install k8sgpu")).toBeVisible();
    await expect(page.getByText("helm upgrade --install k8s-gpu charts/remotegpu-kubelet")).toBeVisible();
  });

  const file = await test.step("its namespace shows the id and gives the connector's kubeconfig", async () => {
    await open(page, await newest(page));
    await page.getByRole("link", { name: cluster, exact: true }).click();
    await page.getByRole("link", { name: "Access", exact: true }).click();
    await expect(page.getByText(cluster, { exact: true }).first()).toBeVisible();
    await expect(page.getByText(`k8sgpuOptions.tenantName=${cluster}`)).toBeVisible();
    await expect(page.getByText("--set providerTokenClaim=remotegpu-tenant-token --set mirrorRuntimeClasses=true")).toBeVisible();
    await expect(page.getByText(`kubectl --kubeconfig ${cluster}.kubeconfig get runtimeclass`)).toBeVisible();
    const started = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download connector kubeconfig" }).click();
    const download = await started;
    expect(download.suggestedFilename()).toBe(`${cluster}.kubeconfig`);
    const path = info.outputPath("connector.kubeconfig");
    await download.saveAs(path);
    expect(await readFile(path, "utf8")).toContain(`namespace: "${cluster}-gpu"`);
    expect(await kubectl(path, "", ["get", "pods"])).toContain("No resources found");
    return path;
  });

  await test.step("it is listed, and revoking it says what that means", async () => {
    await page.reload();
    const row = page.getByTestId("credential").filter({ hasText: "connector-" });
    await expect(row).toContainText("Active");
    await row.getByRole("link", { name: "Revoke the credential for connector" }).click();
    await expect(page.getByRole("dialog")).toContainText("download another kubeconfig for it first");
    await page.getByRole("button", { name: "Revoke credential" }).click();
    await expect(row).toContainText("Revoked");
    await expect(kubectl(file, "", ["get", "pods"])).rejects.toThrow();
  });

  await test.step("a label of the API renames nothing here", async () => {
    const renamed = await page.request.patch(`/k8sgpu/v1/cluster/${cluster}`, { headers, data: { label: `${label}-2` } });
    expect(((await renamed.json()) as { label: string }).label).toBe(`${label}-2`);
    await open(page, "/platform/tenants?sort=-created");
    await expect(page.getByRole("row").filter({ hasText: cluster })).toContainText(`${label}-2`);
    await open(page, await newest(page));
    await expect(page.getByRole("link", { name: cluster, exact: true })).toBeVisible();
    await expect(page.getByRole("row").filter({ hasText: cluster })).toContainText(`${label}-2`);
    await page.getByRole("link", { name: cluster, exact: true }).click();
    await expect(page.getByTitle("Its label in the tenant API")).toHaveText(`${label}-2`);
  });

  await test.step("deleting it there takes it from here", async () => {
    expect((await page.request.delete(`/k8sgpu/v1/cluster/${cluster}`, { headers })).status()).toBe(202);
    await expect
      .poll(async () => (await page.request.get(`/k8sgpu/v1/cluster/${cluster}`, { headers })).status())
      .toBe(404);
    await open(page, await newest(page));
    await expect(page.getByRole("link", { name: cluster, exact: true })).toHaveCount(0);
  });
});
