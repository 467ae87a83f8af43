// What is set in a namespace without JavaScript: a ConfigMap, a secret, a service, another image, its rules.
import { expect, signInPlainly, test } from "../fixtures.ts";
import { clusterAdmin, emptyDeployment } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

test("a ConfigMap and a secret are made, changed and deleted without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  const config = `/kubernetes/${await namespace(page)}/config`;
  await page.goto(`${config}?new=config-map`);
  await page.getByLabel("Name", { exact: true }).fill("settings");
  await page.getByLabel("Values").fill("MODE=draft\nLEVEL=1");
  await page.getByRole("button", { name: "Create ConfigMap" }).click();
  await expect(page).toHaveURL(/\/config-maps\/settings\?done=config-map-created/);
  await page.getByLabel("Text of MODE").fill("production");
  await page.getByRole("button", { name: "Save MODE" }).click();
  await expect(page).toHaveURL(/done=config-map-changed/);
  await expect(page.getByLabel("Text of MODE")).toHaveValue("production");
  await page.getByRole("link", { name: "Delete", exact: true }).click();
  await page.getByLabel("Type settings to confirm").fill("settings");
  await page.getByRole("button", { name: "Delete ConfigMap" }).click();
  await expect(page).toHaveURL(/\/config\?done=config-map-deleted/);

  await page.goto(`${config}?new=secret`);
  await page.getByLabel("Name", { exact: true }).fill("database");
  await page.getByLabel("Values").fill("PASSWORD=hunter2-hunter2");
  await page.getByRole("button", { name: "Create secret" }).click();
  await expect(page).toHaveURL(/\/secrets\/database\?done=secret-created/);
  await page.getByLabel("Key", { exact: true }).fill("PORT");
  await page.getByLabel("Value", { exact: true }).fill("5432");
  await page.getByRole("button", { name: "Set value" }).click();
  await expect(page.getByRole("cell", { name: "PORT", exact: true })).toBeVisible();
  await expect(page.getByText("hunter2")).toHaveCount(0);
  await page.getByRole("link", { name: "Remove PORT" }).click();
  await page.getByRole("button", { name: "Remove key" }).click();
  await expect(page.getByRole("cell", { name: "PORT", exact: true })).toHaveCount(0);
  await page.getByRole("link", { name: "Delete", exact: true }).click();
  await page.getByLabel(/Type database/).fill("database");
  await page.getByRole("button", { name: "Delete secret" }).click();
  await expect(page).toHaveURL(/\/config\?done=secret-deleted/);
});

test("a port is exposed and an image changed without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  const id = await namespace(page);
  const inside = await kubernetesName(page, id);
  await emptyDeployment("web", inside);
  await page.goto(`/kubernetes/${id}/network?new=service`);
  await page.getByLabel("Container port").fill("8080");
  await page.getByRole("button", { name: "Expose", exact: true }).click();
  await expect(page).toHaveURL(/\/network\?done=service-created/);
  await expect(page.getByTestId("service")).toContainText("port 8080");
  await page.getByRole("link", { name: "Delete web" }).click();
  await page.getByLabel("Type web to confirm").fill("web");
  await page.getByRole("button", { name: "Delete service" }).click();
  await expect(page).toHaveURL(/\/network\?done=service-deleted/);
  await expect(page.getByText("Nothing is exposed yet")).toBeVisible();

  await page.goto(`/kubernetes/${id}/workloads/deployment/web?do=image`);
  await page.getByRole("dialog").getByLabel("Image", { exact: true }).fill("registry.invalid/app:2");
  await page.getByRole("button", { name: "Change image" }).click();
  await expect(page).toHaveURL(/\/workloads\/deployment\/web\?done=workload-changed/);
  const image = "jsonpath={.spec.template.spec.containers[0].image}";
  expect(await clusterAdmin(["-n", inside, "get", "deployment", "web", "-o", image])).toBe("registry.invalid/app:2");
});

test("the default SKU and the rule about idle GPUs are set without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  await page.goto(`/kubernetes/${await namespace(page)}/settings`);
  const sku = page.getByLabel("SKU of pods that name none");
  await sku.selectOption("cpu-shared-8g");
  await page.getByRole("button", { name: "Save default SKU" }).click();
  await expect(page).toHaveURL(/done=default-sku-saved/);
  await expect(sku).toHaveValue("cpu-shared-8g");
  await page.getByLabel("When GPUs are idle").selectOption("stop");
  await page.getByLabel("Say so after minutes").fill("45");
  await page.getByLabel("Stop after minutes").fill("90");
  await page.getByRole("button", { name: "Save rule" }).click();
  await expect(page).toHaveURL(/done=idle-gpu-changed/);
  await expect(page.getByLabel("Stop after minutes")).toHaveValue("90");
});
