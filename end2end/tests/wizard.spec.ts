// The deploy page filled in whole: the catalogue narrowed, a plan refused while typing and mended, every field of the
// container, and in the cluster exactly what the page said.
import { expect, fill, open, test, type Page } from "../fixtures.ts";
import { clusterAdmin, unique } from "../helpers.ts";
import { barriers } from "../looks.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

const IMAGE = "registry.example.com/trainer:2";

type Container = { image: string; command?: string[]; args?: string[]; env?: unknown[]; ports?: unknown[]; volumeMounts?: unknown[] };
type Made = {
  metadata: { labels: Record<string, string> };
  spec: { replicas: number; template: { metadata: { labels: Record<string, string> }; spec: { containers: Container[] } } };
};

test("a GPU plan with every field is refused, mended, and made as it was written", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const secret = await page.request.post(`/v1/kubernetes/namespaces/${id}/secrets`, {
    data: { name: "database", values: { PASSWORD: "never shown" } },
  });
  expect(secret.status()).toBe(201);
  await open(page, `/kubernetes/${id}/deploy`);
  const check = page.getByRole("list", { name: "Check" });

  await test.step("the shapes are narrowed by model and by what is free", async () => {
    await page.getByLabel("GPU model").selectOption("H100");
    await expect(page).toHaveURL(/model=H100/);
    await expect(page.getByRole("radio", { name: /gpu-l4-1x/ })).toBeHidden();
    await page.getByRole("checkbox", { name: /free/ }).check();
    await expect(page).toHaveURL(/free=/);
    await page.getByRole("radio", { name: /gpu-h100-1x/ }).check();
  });

  await test.step("more than the quota is refused with its numbers while typing", async () => {
    await fill(page, { Name: "trainer", Image: IMAGE, Replicas: "9" });
    await expect(check).toHaveAttribute("data-allowed", "false");
    await expect(check.getByText("Needs 9 GPUs, 8 of 8 left")).toBeVisible();
    expect(await barriers(page), "a plan that is refused").toEqual([]);
    await fill(page, { Replicas: "2" });
    await expect(check).toHaveAttribute("data-allowed", "true");
    await expect(check.getByText("Needs 9 GPUs")).toHaveCount(0);
  });

  await test.step("the rest of the container", async () => {
    await page.getByText("Command, environment, ports").click();
    await fill(page, { Command: "python", Arguments: "train.py\n--epochs=3", Environment: "MODE=production", Ports: "8080" });
    await page.getByText("Secrets, ConfigMaps, volumes, labels").click();
    await fill(page, {
      "Environment from Secrets and ConfigMaps": "DB_PASSWORD=secret/database/PASSWORD",
      Volumes: "/scratch=emptydir",
      Labels: "team=ml",
    });
    await expect(check).toHaveAttribute("data-allowed", "true");
    const plan = page.getByRole("complementary", { name: "Plan" });
    await plan.getByText("kubectl", { exact: true }).click();
    await expect(plan.getByText("--epochs=3").last()).toBeVisible();
  });

  await test.step("the cluster has what was written", async () => {
    await page.getByRole("button", { name: "Deploy", exact: true }).click();
    await expect(page).toHaveURL(/\/workloads\/deployment\/trainer/);
    const json = await clusterAdmin(["get", "deployment", "trainer", "-n", await kubernetesName(page, id), "-o", "json"]);
    const { spec } = JSON.parse(json) as Made;
    expect(spec.replicas).toBe(2);
    expect(spec.template.metadata.labels).toMatchObject({ team: "ml", "remotegpu.ai/sku-code": "gpu-h100-1x" });
    expect(spec.template.spec.containers[0]).toMatchObject({
      image: IMAGE,
      command: ["python"],
      args: ["train.py", "--epochs=3"],
      env: [
        { name: "MODE", value: "production" },
        { name: "DB_PASSWORD", valueFrom: { secretKeyRef: { name: "database", key: "PASSWORD" } } },
      ],
      ports: [{ containerPort: 8080, protocol: "TCP" }],
      volumeMounts: [{ mountPath: "/scratch" }],
    });
  });
});

test("an interactive pod is one pod", async ({ signedIn: page }) => {
  const id = await namespace(page);
  await open(page, `/kubernetes/${id}/deploy?sku=gpu-h100-1x`);
  await page.getByRole("radio", { name: /Interactive pod/ }).check();
  await expect(page.getByLabel("Replicas", { exact: true })).toBeHidden();
  await fill(page, { Name: "shell", Image: IMAGE });
  await page.getByRole("button", { name: "Start pod" }).click();
  await expect(page).toHaveURL(/\/workloads\/pod\/shell/);
  await expect(page.getByTestId("reason")).toHaveText(/^Running on simulated/, { timeout: 60_000 });
});

/** A node of an account at a provider, known to the API server alone: pods of no test come to it. */
async function rentingNode(engine: string): Promise<void> {
  const labels = { type: "virtual-kubelet", "remotegpu.ai/engine": engine };
  const taints = [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }];
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: engine, labels }, spec: { taints } };
  await clusterAdmin(["create", "-f", "-"], JSON.stringify(node));
  const status = { status: { nodeInfo: { containerRuntimeVersion: "runpod://v2" } } };
  await clusterAdmin(["patch", "node", engine, "--subresource=status", "--type=merge", "-p", JSON.stringify(status)]);
}

/** A SKU of this engine alone, once the console knows that it mounts nothing; gives its code. */
async function soldOn(page: Page, engine: string, namespaceId: string): Promise<string> {
  const code = unique("sku");
  const resources = { cpu: "1", memory: "1Gi" };
  const price = { perHour: "0.10", currency: "EUR" };
  const spec = { title: `1 CPU of ${code}`, resources, price, placement: { engines: [engine] } };
  expect((await page.request.post("/v1/platform/skus", { data: { code, spec } })).status()).toBe(201);
  const mounts = [{ path: "/etc/app", kind: "secret", name: "database" }];
  const data = { deployment: { name: "asked", sku_code: code, replicas: 1, image: IMAGE, mounts } };
  const said = async () =>
    (await page.request.post(`/v1/kubernetes/namespaces/${namespaceId}/admission-check`, { data })).text();
  await expect.poll(said, { timeout: 60_000 }).toContain(`on engine ${engine} no files are mounted`);
  return code;
}

test("volumes are offered where an engine of the SKU mounts them, and where none does the page says why", async ({
  signedIn: page,
  browser,
}) => {
  const [id, engine] = [await namespace(page), unique("rented")];
  await rentingNode(engine);
  const code = await soldOn(page, engine, id);
  const why = `Engine ${engine} mounts no volumes: what is written stays on the container's own disk`;

  await test.step("the field is closed with the reason, and opens with another SKU", async () => {
    await open(page, `/kubernetes/${id}/deploy?sku=${code}`);
    const volumes = page.getByLabel("Volumes", { exact: true });
    const plan = page.getByRole("complementary", { name: "Plan" });
    await page.getByText("Secrets, ConfigMaps, volumes, labels").click();
    await expect(volumes).toBeDisabled();
    await expect(page.getByText(why)).toBeVisible();
    expect(await barriers(page), "a field that is closed").toEqual([]);
    await page.getByRole("radio", { name: /cpu-shared-8g/ }).check();
    await expect(volumes).toBeEnabled();
    await expect(page.getByText(why)).toHaveCount(0);
    await volumes.fill("/scratch=emptydir");
    await expect(plan).toContainText("mountPath");
    await page.getByRole("radio", { name: new RegExp(code) }).check();
    await expect(volumes).toBeDisabled();
    await expect(plan).not.toContainText("mountPath");
    await page.getByRole("radio", { name: /cpu-shared-8g/ }).check();
    await expect(volumes, "what was typed stays").toHaveValue("/scratch=emptydir");
    await expect(plan).toContainText("mountPath");
  });

  await test.step("without JavaScript the form is refused with the same words, and nothing is made", async () => {
    const storageState = await page.context().storageState();
    const plain = await (await browser.newContext({ javaScriptEnabled: false, storageState })).newPage();
    await plain.goto(`/kubernetes/${id}/deploy?sku=${code}`);
    await plain.getByText("Secrets, ConfigMaps, volumes, labels").click();
    const volumes = plain.getByLabel("Volumes", { exact: true });
    await expect(volumes, "another SKU may be chosen").toBeEnabled();
    await fill(plain, { Name: "refused", Image: IMAGE, Volumes: "/scratch=emptydir" });
    await plain.getByRole("button", { name: "Deploy", exact: true }).click();
    await expect(plain.getByText(why)).toBeVisible();
    await plain.context().close();
    const made = await page.request.get(`/v1/kubernetes/namespaces/${id}/deployments`);
    expect(((await made.json()) as { items: unknown[] }).items).toEqual([]);
  });

  expect((await page.request.patch(`/v1/platform/skus/${code}`, { data: { retired: true } })).status()).toBe(200);
  await clusterAdmin(["delete", "node", engine]);
});
