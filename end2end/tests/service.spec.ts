// Network says for each Service, by name, on which engines its address leads nowhere.
import { expect, open, test } from "../fixtures.ts";
import { barriers } from "../looks.ts";
import { namespace } from "../namespaces.ts";

test("a service names the engine that its address does not lead to, and why", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const rest = `/v1/kubernetes/namespaces/${id}`;
  const deployment = async (name: string, replicas: number) => {
    const data = { name, sku_code: "gpu-h100-1x", replicas, image: "registry.invalid/web:1" };
    expect((await page.request.post(`${rest}/deployments`, { data })).status()).toBe(201);
    const service = { name, deployment: name, port: 80 };
    expect((await page.request.post(`${rest}/services`, { data: service })).status()).toBe(201);
  };
  await deployment("placed", 1);
  await deployment("empty", 0);
  const behind = async () => (await (await page.request.get(`${rest}/services/placed`)).json()).reach;
  await expect.poll(behind, { timeout: 60_000 }).toHaveLength(1);

  await open(page, `/kubernetes/${id}/network`);
  const row = (name: string) => page.getByTestId("service").filter({ has: page.getByText(name, { exact: true }) });
  await expect(row("placed")).toContainText("Does not lead to 1 pod on engine simulated");
  await expect(row("placed")).toContainText("Nothing listens: no traffic arrives.");
  await expect(row("empty")).toContainText("No pod has a node yet: the address leads nowhere.");
  await expect(row("empty")).not.toContainText("engine simulated");
  expect(await barriers(page), "services and their engines").toEqual([]);
});
