// The journey that must feel effortless, from sign-in to a running pod and back (DESIGN §1).
import { expect, open, test } from "../fixtures.ts";
import { image, kubectl, unique } from "../helpers.ts";

test("sign in, namespace, key, kubeconfig, kubectl, deploy, log, delete", async ({ signedIn: page }, info) => {
  const name = unique("team");

  const id = await test.step("create a namespace", async () => {
    await page.getByRole("link", { name: "Kubernetes", exact: true }).first().click();
    await page.getByRole("link", { name: "New namespace" }).first().click();
    const field = page.getByLabel("Name", { exact: true });
    await field.fill("Team ML");
    await expect(page.getByText("Use lowercase letters, digits and hyphens")).toBeVisible();
    await field.fill(name);
    await expect(page.getByTestId("kubernetes-name")).toHaveText(`${name}-········`);
    await page.getByRole("button", { name: "Create namespace" }).click();
    // Others are active in the list behind the form, and the new one comes there too before its own page does.
    await expect(page).toHaveURL(/\/kubernetes\/[0-9a-f-]{36}\/access/);
    await expect(page.getByText("Active", { exact: true }).first()).toBeVisible({ timeout: 60_000 });
    return new URL(page.url()).pathname.split("/")[2]!;
  });

  const key = await test.step("make an API key, shown once", async () => {
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByText("New key for this namespace").click();
    await page.getByLabel("Name", { exact: true }).fill("laptop");
    await page.getByRole("button", { name: "Create key" }).click();
    const secret = await page.getByTestId("secret").innerText();
    expect(secret).toMatch(/^rgpu_[a-z0-9]{8}_[0-9A-Za-z]{30}$/);
    return secret;
  });

  await test.step("download the kubeconfig and run kubectl", async () => {
    const started = page.waitForEvent("download");
    await expect(page.getByText("SHA-256")).toBeVisible();
    await page.getByRole("link", { name: "Download" }).click();
    const download = await started;
    expect(download.suggestedFilename()).toBe(`kubeconfig-${name}.yaml`);
    const file = info.outputPath("kubeconfig.yaml");
    await download.saveAs(file);
    expect(await kubectl(file, key, ["get", "pods"])).toContain(`No resources found in ${name}-`);
    await expect(page.getByText("It works")).toBeVisible();
    await expect(page.getByTestId("credential")).toHaveCount(1);
  });

  await test.step("the secret is not shown again", async () => {
    await open(page, `/kubernetes/${id}/access`);
    await expect(page.getByText(key)).toHaveCount(0);
    await expect(page.getByText(/laptop rgpu_/)).toBeVisible();
  });

  await test.step("deploy cpu-shared-8g", async () => {
    await page.getByRole("link", { name: "Deploy", exact: true }).first().click();
    await page.getByRole("radio", { name: /cpu-shared-8g/ }).check();
    await page.getByLabel("Name", { exact: true }).fill("demo");
    await page.getByLabel("Image").fill(await image());
    await page.getByLabel("Expected hours").fill("10");
    await expect(page.getByText(/^€\d+\.\d{2} for 10 hours$/)).toBeVisible();
    await expect(page.getByText("remotegpu.ai/sku-code").first()).toBeAttached();
    await page.getByRole("button", { name: "Deploy", exact: true }).click();
    await expect(page).toHaveURL(/\/workloads\/deployment\/demo/);
  });

  await test.step("it turns Running by itself and its log streams", async () => {
    await expect(page.getByTestId("reason")).toHaveText("Running on local", { timeout: 60_000 });
    await expect(page.getByTestId("pod")).toHaveCount(1);
    await expect(page.getByTestId("pod").getByText("Running")).toBeVisible();
    await page.getByRole("link", { name: "Logs", exact: true }).click();
    await expect(page.getByRole("log")).toContainText("hello from the container");
    await expect(page.getByRole("log")).toContainText("tick 3");
  });

  await test.step("delete it; it is gone", async () => {
    await page.getByRole("link", { name: "Delete" }).click();
    await expect(page.getByText("1 pod stops now")).toBeVisible();
    await page.getByLabel("Type demo to confirm").fill("demo");
    await page.getByRole("button", { name: "Delete deployment" }).click();
    await expect(page).toHaveURL(/\/workloads(\?.*)?$/);
    await expect(page.getByRole("link", { name: "demo", exact: true })).toHaveCount(0, { timeout: 60_000 });
  });

  await test.step("delete the namespace by typing its name", async () => {
    await page.getByRole("link", { name: "Settings", exact: true }).click();
    await page.getByRole("link", { name: /Delete namespace/ }).click();
    await page.getByLabel(/Type/).fill(name);
    await page.getByRole("button", { name: /Delete namespace/ }).click();
    await expect(page).toHaveURL(/\/kubernetes(\?.*)?$/);
    await expect(page.getByRole("link", { name, exact: true })).toHaveCount(0, { timeout: 60_000 });
  });
});
