// Virtual nodes: an operator sees what an engine gives, closes a node, empties it, opens it again.
import { expect, open, test } from "../fixtures.ts";
import { clusterAdmin, unique } from "../helpers.ts";

/** A node that only the API server knows: nobody else's pods are on it. */
async function node(name: string): Promise<void> {
  const labels = { type: "virtual-kubelet", "remotegpu.ai/engine": name, "remotegpu.ai/gpu-model": "H100" };
  const object = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels },
    spec: { taints: [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }] },
  };
  await clusterAdmin(["create", "-f", "-"], JSON.stringify(object));
  const room = { cpu: "1m", memory: "1Gi", pods: "9", "nvidia.com/gpu": "4" };
  const at = new Date().toISOString().replace(/\.\d+Z/, "Z");
  const ready = { type: "Ready", status: "True", reason: "EngineReady", lastHeartbeatTime: at, lastTransitionTime: at };
  const status = { status: { capacity: room, allocatable: room, conditions: [ready] } };
  await clusterAdmin(["patch", "node", name, "--subresource=status", "--type=merge", "-p", JSON.stringify(status)]);
}

/** A pod that is bound to it, as an engine and the admission would have annotated it. */
async function podOn(name: string): Promise<void> {
  const annotations = {
    "remotegpu.ai/price-per-hour": "3.290000 EUR",
    "runpod.io/pod-id": "abc123",
    "runpod.io/cost-per-hr": "0.240000",
  };
  const spec = {
    nodeName: name,
    automountServiceAccountToken: false,
    tolerations: [{ operator: "Exists" }],
    containers: [{ name: "app", image: "registry.invalid/app:1" }],
  };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: `${name}-pod`, namespace: "default", annotations }, spec };
  await clusterAdmin(["create", "-f", "-"], JSON.stringify(pod));
}

test.describe("operators", () => {
  test.use({ refusals: true });

  test("see a node, close it, empty it, open it", async ({ signedIn: page }) => {
    const name = unique("fleet");
    await node(name);

    await test.step("the list has it, with its engine and its GPUs", async () => {
      await expect.poll(async () => (await page.request.get(`/v1/nodes/${name}`)).status()).toBe(200);
      await open(page, "/platform/nodes");
      const row = page.getByRole("row", { name: new RegExp(name) });
      await expect(row.getByText("0 of 4 H100")).toBeVisible();
      await row.getByRole("link", { name }).click();
      await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
      await expect(page.getByText("No pod is here")).toBeVisible();
    });

    await test.step("a pod on it has the id of its instance and what it pays", async () => {
      await podOn(name);
      const row = page.getByRole("row", { name: new RegExp(`${name}-pod`) });
      await expect(row).toContainText("abc123");
      await expect(row).toContainText("3.29");
      await expect(row).toContainText("provider takes 0.24");
      await clusterAdmin(["delete", "pod", `${name}-pod`, "-n", "default", "--force", "--grace-period=0"]);
      await expect(page.getByText("No pod is here")).toBeVisible();
    });

    await test.step("closed, it takes no new pods", async () => {
      await page.getByRole("button", { name: "Cordon", exact: true }).click();
      await expect(page.getByText(`${name} takes no new pods`)).toBeVisible();
      await expect(page.getByText("Cordoned", { exact: true })).toBeVisible();
      await page.getByRole("button", { name: "Undo" }).click();
      await expect(page.getByText(`${name} takes pods again`)).toBeVisible();
      await page.getByRole("button", { name: "Cordon", exact: true }).click();
      await expect(page.getByText("Cordoned", { exact: true })).toBeVisible();
    });

    await test.step("a drain asks for the name and says what it ends", async () => {
      await page.getByRole("link", { name: "Drain" }).click();
      const dialog = page.getByRole("dialog", { name: `Drain ${name}` });
      await expect(dialog.getByText("No pod is on it.")).toBeVisible();
      await dialog.getByLabel(`Type ${name} to confirm`).fill("other");
      await expect(dialog.getByRole("button", { name: "Drain node" })).toBeDisabled();
      // Enter sends the form all the same, and the server refuses it.
      await dialog.getByLabel(`Type ${name} to confirm`).press("Enter");
      await expect(dialog.locator("#confirm-note")).not.toBeEmpty();
      await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
      await dialog.getByRole("button", { name: "Drain node" }).click();
      await expect(page.getByText(`${name} is being emptied`)).toBeVisible();
      await expect(page.getByText("Draining", { exact: true })).toBeVisible();
      expect(await clusterAdmin(["get", "node", name, "-o", "jsonpath={.spec.taints[*].key}"])).toContain("remotegpu.ai/drain");
    });

    await test.step("open again, its own taint is all that is left", async () => {
      await page.getByRole("button", { name: "Uncordon" }).click();
      await expect(page.getByText(`${name} takes pods again`)).toBeVisible();
      await expect(page.getByText("Ready", { exact: true })).toBeVisible();
      expect(await clusterAdmin(["get", "node", name, "-o", "jsonpath={.spec.taints[*].key}"])).not.toContain("remotegpu.ai/drain");
    });

    await test.step("a node in trouble says why, without a reload", async () => {
      const at = new Date().toISOString().replace(/\.\d+Z/, "Z");
      const wrong = { type: "Ready", status: "False", reason: "EngineUnreachable", message: "no answer from the socket" };
      const status = { status: { conditions: [{ ...wrong, lastHeartbeatTime: at, lastTransitionTime: at }] } };
      await clusterAdmin(["patch", "node", name, "--subresource=status", "--type=merge", "-p", JSON.stringify(status)]);
      await expect(page.getByText("Not ready", { exact: true })).toBeVisible();
      await expect(page.getByText("no answer from the socket")).toBeVisible();
    });

    await test.step("instances without a pod are told as what they cost", async () => {
      const at = new Date().toISOString().replace(/\.\d+Z/, "Z");
      const found = { type: "OrphanInstances", status: "True", reason: "OrphansRemain", message: "1 instance without a pod could not be ended" };
      const status = { status: { conditions: [{ ...found, lastHeartbeatTime: at, lastTransitionTime: at }] } };
      await clusterAdmin(["patch", "node", name, "--subresource=status", "--type=merge", "-p", JSON.stringify(status)]);
      await expect(page.getByText("OrphanInstances: OrphansRemain")).toBeVisible();
      await expect(page.getByText("1 instance without a pod could not be ended")).toBeVisible();
    });

    await clusterAdmin(["delete", "node", name]);
    await expect(page.getByText("This node is gone")).toBeVisible();
  });
});

test("the nodes of the platform are listed with what they have", async ({ signedIn: page }) => {
  await open(page, "/platform/nodes");
  const row = page.getByRole("row", { name: /simulated-h100/ });
  await expect(row.getByText(/of 16 H100/)).toBeVisible();
  await row.getByRole("link", { name: "simulated-h100" }).click();
  await expect(page.getByRole("region", { name: "Pods" }).or(page.getByText("No pod is here"))).toBeVisible();
  await expect(page.getByText("nvidia.com/gpu=present:NoSchedule")).toBeVisible();
});
