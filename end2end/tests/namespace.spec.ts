// A namespace's own pages: its name, what a deletion says, what the window is called, the menus of its rows.
import { expect, open, test } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../pages.ts";

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

test("the menu of a row leads to its dialogs; a deletion says what ends", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const web = unique("web");
  await emptyDeployment(web, await kubernetesName(page, id));
  await open(page, `/kubernetes/${id}/workloads`);
  await page.getByLabel(`Actions for ${web}`).click();
  await page.getByRole("row").filter({ hasText: web }).getByRole("link", { name: "Scale" }).click();
  await expect(page.getByRole("dialog", { name: `Scale ${web}` })).toBeVisible();

  const { name } = (await (await page.request.get(`/v1/kubernetes/namespaces/${id}`)).json()) as { name: string };
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
