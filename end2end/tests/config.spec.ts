// What workloads read and where they are reached: Secrets, ConfigMaps, Services, and a job that uses them.
import { expect, open, test } from "../fixtures.ts";
import { image } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

test("a secret, a ConfigMap, a job that reads them, a service; then all of it is deleted", async ({ signedIn: page }) => {
  const id = await namespace(page, "config");

  await test.step("make a secret; its value is never shown", async () => {
    await open(page, `/kubernetes/${id}/config`);
    await page.getByRole("link", { name: "New secret", exact: true }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("database");
    await page.getByLabel("Values").fill("PASSWORD=hunter2-hunter2\nUSER=root");
    await page.getByRole("button", { name: "Create secret" }).click();
    await expect(page.getByRole("heading", { name: "database" })).toBeVisible();
    await expect(page.getByText("15 bytes")).toBeVisible();
    await expect(page.getByText("hunter2")).toHaveCount(0);
  });

  await test.step("set one value, remove another", async () => {
    await page.getByLabel("Key", { exact: true }).fill("PORT");
    await page.getByLabel("Value", { exact: true }).fill("5432");
    await page.getByRole("button", { name: "Set value" }).click();
    await expect(page.getByRole("cell", { name: "PORT", exact: true })).toBeVisible();
    await page.getByRole("link", { name: "Remove USER" }).click();
    await expect(page.getByText("No workload names database.")).toBeVisible();
    await page.getByRole("button", { name: "Remove key" }).click();
    await expect(page.getByRole("cell", { name: "USER", exact: true })).toHaveCount(0);
  });

  await test.step("make a pull secret", async () => {
    await open(page, `/kubernetes/${id}/config?new=pull-secret`);
    await page.getByLabel("Name", { exact: true }).fill("registry");
    await page.getByLabel("Registry").fill("ghcr.io");
    await page.getByLabel("User").fill("me");
    await page.getByLabel("Password or access token").fill("hunter2");
    await page.getByRole("button", { name: "Create pull secret" }).click();
    await expect(page.getByRole("cell", { name: ".dockerconfigjson" })).toBeVisible();
  });

  await test.step("make a ConfigMap and change its text", async () => {
    await open(page, `/kubernetes/${id}/config?new=config-map`);
    await page.getByLabel("Name", { exact: true }).fill("settings");
    await page.getByLabel("Values").fill("MODE=draft");
    await page.getByRole("button", { name: "Create ConfigMap" }).click();
    await page.getByLabel("Text of MODE").fill("production");
    await page.getByRole("button", { name: "Save MODE" }).click();
    await expect(page.getByText("MODE is saved")).toBeVisible();
    await expect(page.getByLabel("Text of MODE")).toHaveValue("production");
  });

  await test.step("run a job that reads both", async () => {
    await open(page, `/kubernetes/${id}/deploy`);
    await page.getByRole("radio", { name: /cpu-shared-8g/ }).check();
    await page.getByLabel("Name", { exact: true }).fill("report");
    await page.getByLabel("Image").fill(await image());
    await page.getByText("Command, environment, ports").click();
    await page.getByLabel("Command", { exact: true }).fill("/bin/sh\n-c\necho mode=$MODE length=${#PASSWORD}");
    await page.getByText("Secrets, ConfigMaps, volumes, labels").click();
    await page.getByRole("button", { name: "Use PASSWORD=secret/database/PASSWORD" }).click();
    await page.getByRole("button", { name: "Use configmap/settings", exact: true }).click();
    await page.getByRole("radio", { name: /^Job/ }).check();
    await expect(page.getByText("secretKeyRef").first()).toBeAttached();
    await page.getByRole("button", { name: "Run job" }).click();
    await expect(page).toHaveURL(/\/workloads\/job\/report/);
  });

  await test.step("the secret names who uses it", async () => {
    await open(page, `/kubernetes/${id}/config/secrets/database`);
    await expect(page.getByText("report")).toBeVisible();
  });

  await test.step("expose a port of a deployment and take it away again", async () => {
    const data = { name: "web", sku_code: "cpu-shared-8g", replicas: 0, image: "localhost/none:1" };
    expect((await page.request.post(`/v1/kubernetes/namespaces/${id}/deployments`, { data })).status()).toBe(201);
    await open(page, `/kubernetes/${id}/network`);
    await expect(page.getByText("Nothing is exposed yet")).toBeVisible();
    await page.getByRole("link", { name: "Expose a port" }).first().click();
    await page.getByLabel("Container port").fill("8080");
    await expect(page.getByText("kubectl expose deployment web --name=web --port=80 --target-port=8080")).toBeVisible();
    await page.getByLabel(/Also over HTTP from outside/).check();
    await expect(page.getByText("&& kubectl label service web remotegpu.ai/expose=http")).toBeVisible();
    await page.getByRole("button", { name: "Expose", exact: true }).click();
    await expect(page.getByTestId("service")).toContainText(/web\.config-[0-9a-z-]+\.svc\.cluster\.local:80/);
    await expect(page.getByTestId("service")).toContainText("From outside: none of its pods runs on an imported engine");
    await page.getByRole("link", { name: "Delete web" }).click();
    await page.getByLabel("Type web to confirm").fill("web");
    await page.getByRole("button", { name: "Delete service" }).click();
    await expect(page.getByText("Nothing is exposed yet")).toBeVisible();
  });

  await test.step("delete the secret by typing its name", async () => {
    await open(page, `/kubernetes/${id}/config/secrets/database`);
    await page.getByRole("link", { name: "Delete", exact: true }).click();
    await expect(page.getByText("Used by Job report")).toBeVisible();
    await page.getByLabel(/Type database/).fill("database");
    await page.getByRole("button", { name: "Delete secret" }).click();
    const notice = page.getByText("Secret database is deleted");
    await expect(notice).toBeVisible();
    await expect(page).toHaveURL(/\/config$/);
    await expect(page.getByRole("link", { name: "database", exact: true })).toHaveCount(0);
    await page.reload();
    await expect(page.getByRole("heading", { name: "Secrets", exact: true })).toBeVisible();
    await expect(notice).toHaveCount(0);
  });
});
