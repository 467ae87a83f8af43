// A namespace's own pages: its name, what a deletion says, what the window is called, the menus of its rows.
import { expect, open, test } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

test("a rename says so and can be taken back", async ({ signedIn: page }) => {
  const id = await namespace(page);
  await open(page, `/kubernetes/${id}/settings`);
  const field = page.getByLabel("Console name");
  const [old, fresh] = [await field.inputValue(), unique("renamed")];
  await field.fill(fresh);
  await page.getByRole("button", { name: "Rename" }).click();
  await expect(page.getByText(`The namespace is called ${fresh} now`)).toBeVisible();
  await expect(page.getByRole("heading", { name: fresh, level: 1 })).toBeVisible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByRole("heading", { name: old, level: 1 })).toBeVisible();
  await expect(field).toHaveValue(old);
});

test("the menu of a row leads to its dialogs, and Escape closes it; a deletion says what ends", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const web = unique("web");
  await emptyDeployment(web, await kubernetesName(page, id));
  await open(page, `/kubernetes/${id}/workloads`);
  const row = page.getByRole("row").filter({ hasText: web });
  await expect(row).toContainText("Scaled to zero");
  await expect(row).not.toContainText("Running");
  const [menu, scale] = [page.getByLabel(`Actions for ${web}`), row.getByRole("link", { name: "Scale" })];
  await menu.click();
  await scale.focus();
  await page.keyboard.press("Escape");
  await expect(scale).toBeHidden();
  await expect(menu).toBeFocused();
  await menu.click();
  await scale.click();
  await expect(page.getByRole("dialog", { name: `Scale ${web}` })).toBeVisible();

  type Namespace = { name: string; deployments: number; quota: { resource: string }[] };
  const read = async () => (await (await page.request.get(`/v1/kubernetes/namespaces/${id}`)).json()) as Namespace;
  // The console hears of both by its watches, and a page of settings stays as it was opened.
  const known = async () => {
    const { deployments, quota } = await read();
    return deployments === 1 && quota.some(({ resource }) => resource === "pods");
  };
  await expect.poll(known).toBe(true);
  const { name } = await read();
  await open(page, `/kubernetes/${id}/settings`);
  await page.getByRole("link", { name: "Delete namespace" }).click();
  await expect(page.getByText("No pod runs in it; 1 deployment goes with it.")).toBeVisible();
  await expect(page.getByLabel(`Type ${name} to confirm`)).toBeFocused();
});

test("a list that is empty leads to the place that says how to fill it", async ({ signedIn: page }) => {
  await open(page, `/kubernetes/${await namespace(page)}/network`);
  const link = page.getByRole("link", { name: "Learn how in the API reference" });
  await expect(link).toHaveAttribute("href", "/docs/api#create_service");
  const document = await page.request.get("/docs/api");
  expect(await document.text()).toContain('<article id="create_service">');
});

test("each window is called after what it shows", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const inside = await kubernetesName(page, id);
  const [name, workload] = [inside.slice(0, inside.lastIndexOf("-")), unique("web")];
  await emptyDeployment(workload, inside);
  await open(page, `/kubernetes/${id}/access`);
  await expect(page).toHaveTitle(`Access · ${name} · RemoteGPU`);
  await page.getByRole("navigation", { name: "Namespace" }).getByRole("link", { name: "Config" }).click();
  await expect(page).toHaveTitle(`Config · ${name} · RemoteGPU`);
  await open(page, `/kubernetes/${id}/workloads/deployment/${workload}`);
  await expect(page).toHaveTitle(`${workload} · RemoteGPU`);
  await page.getByRole("link", { name: "YAML" }).click();
  await expect(page).toHaveTitle(`YAML · ${workload} · RemoteGPU`);
});

test("meters say how much of its limits a namespace uses, as it changes, and the account's", async ({ signedIn: page }) => {
  const [id, name] = [await namespace(page), unique("metered")];
  const deployments = `/v1/kubernetes/namespaces/${id}/deployments`;
  const meter = page.getByRole("img", { name: /^GPUs: / });
  await open(page, `/kubernetes/${id}/workloads`);
  await page.getByRole("link", { name: "Quota", exact: true }).click();
  await expect(page).toHaveTitle(/^Quota · /);
  await expect(meter).toHaveAttribute("aria-label", /^GPUs: 0 of [1-9]\d*$/);

  // Simulated: nothing is pulled.
  const data = { name, sku_code: "gpu-h100-1x", replicas: 1, image: "registry.invalid/app:1" };
  expect((await page.request.post(deployments, { data })).status()).toBe(201);
  await expect(meter).toHaveAttribute("aria-label", /^GPUs: 1 of [1-9]\d*$/);
  await open(page, "/settings/account");
  await expect(meter).toHaveAttribute("aria-label", /^GPUs: [1-9]\d* of [1-9]\d*$/);
  await page.request.delete(`${deployments}/${name}`);
});
