// Engines: the import form with its messages, a pasted kubeconfig, the generator, what a preflight says.
import { createServer, type AddressInfo } from "node:net";
import { expect, fill, open, test } from "../fixtures.ts";
import { clusterAdmin, unique } from "../helpers.ts";

function kubeconfig(user: string): string {
  const cluster = "    server: https://k8s.example.com:6443\n    certificate-authority-data: ";
  const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  return [
    "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: prod\n  cluster:\n",
    `${cluster}${Buffer.from(pem).toString("base64")}\n`,
    "contexts:\n- name: prod\n  context:\n    cluster: prod\n    user: robot\nusers:\n- name: robot\n  user:\n",
    `${user}\n`,
  ].join("");
}

test.describe("the form", () => {
  test.use({ refusals: true });

  test("says what is wrong at its field, and what was typed stays", async ({ signedIn: page }) => {
    await open(page, "/engines");
    await page.getByRole("link", { name: "Add engine" }).first().click();
    await page.getByRole("link", { name: /On Premise/ }).click();
    await expect(page.getByText("kubectl cluster-info", { exact: true })).toBeVisible();
    await expect(page.getByText(/^kubectl config view --minify --raw .*certificate-authority-data.* base64 -d$/)).toBeVisible();
    await expect(page.getByText("Option A: Static Bearer token", { exact: true })).toBeVisible();
    for (const label of ["Ecosystem", "Load Balancer IP", "CA Data", "Bearer Token"]) {
      await expect(page.getByLabel(label, { exact: true })).toBeVisible();
    }
    await fill(page, { "Engine Name": "1st", "API Hostname": "http://k8s", "Load Balancer IP": "name" });
    await page.getByRole("button", { name: "Run preflight" }).click();
    await expect(page.getByText("Use lowercase letters, digits and hyphens; start with a letter")).toBeVisible();
    await expect(page.getByText("Use https://host:port as shown by kubectl cluster-info")).toBeVisible();
    await expect(page.getByText("Enter the external IP address of the ingress controller")).toBeVisible();
    await expect(page.getByText("Choose a bearer token or basic authentication")).toBeVisible();
    await expect(page.getByLabel("Engine Name", { exact: true })).toHaveValue("1st");

    await test.step("a CA that is still base64 is decoded by a button, a private key is refused", async () => {
      const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
      await fill(page, { "CA Data": Buffer.from(pem).toString("base64") });
      await page.getByRole("button", { name: "Decode" }).click();
      await expect(page.getByLabel("CA Data", { exact: true })).toHaveValue(pem);
      await fill(page, { "CA Data": "-----BEGIN PRIVATE KEY-----" });
      await expect(page.getByRole("alert").filter({ hasText: "This is a private key" })).toBeVisible();
    });

    await test.step("basic authentication says for whom it is", async () => {
      await page.getByLabel("Option B: Basic authentication").check();
      await expect(page.getByText("Kubernetes 1.19 and later does not accept basic authentication")).toBeVisible();
      await expect(page.getByLabel("Bearer Token", { exact: true })).toBeHidden();
      await fill(page, { "Basic Username": "a:b" });
      await page.getByRole("button", { name: "Run preflight" }).click();
      await expect(page.getByText("User name must not contain a colon")).toBeVisible();
    });
  });

  test("takes a kubeconfig apart in the browser and refuses one that runs a program", async ({ signedIn: page }) => {
    await open(page, "/engines?new=on_premise");
    const sent: string[] = [];
    page.on("request", (request) => sent.push(request.postData() ?? ""));
    await page.getByText("Paste a kubeconfig instead").click();
    await fill(page, { Kubeconfig: kubeconfig("    exec:\n      command: aws") });
    await page.getByRole("button", { name: "Take over" }).click();
    await expect(page.getByText("It signs in by running a program (exec)")).toBeVisible();
    await fill(page, { Kubeconfig: kubeconfig("    token: pasted-token") });
    await page.getByRole("button", { name: "Take over" }).click();
    await expect(page.getByText("Taken over into the fields below.")).toBeVisible();
    await expect(page.getByLabel("API Hostname", { exact: true })).toHaveValue("https://k8s.example.com:6443");
    await expect(page.getByLabel("CA Data", { exact: true })).toHaveValue(/^-----BEGIN CERTIFICATE-----/);
    await expect(page.getByLabel("Bearer Token", { exact: true })).toHaveValue("pasted-token");
    await expect(page.getByLabel("Kubeconfig", { exact: true })).toHaveValue("");
    expect(sent.filter((body) => body.includes("current-context") || body.includes("pasted-token"))).toEqual([]);
  });

  test("a preflight names what stands in the way, and nothing is saved", async ({ signedIn: page }) => {
    const name = unique("engine");
    await open(page, "/engines?new=on_premise");
    await fill(page, {
      "Engine Name": name,
      "API Hostname": "https://169.254.169.254",
      "Load Balancer IP": "203.0.113.10",
      "Bearer Token": "token",
    });
    await page.getByRole("button", { name: "Run preflight" }).click();
    const report = page.getByRole("region", { name: "Preflight report" });
    await expect(report.getByText("This address is not allowed")).toBeVisible();
    await expect(report.getByText("The engine cannot be added like this")).toBeVisible();
    await expect(page.getByRole("button", { name: "Run preflight" })).toBeEnabled();
    await fill(page, { "API Hostname": "https://k8s.example.com" });
    await expect(report).toBeHidden();
    await open(page, "/engines");
    await expect(page.getByText(name)).toHaveCount(0);
  });
});

test("rows of a preflight appear as each check ends", async ({ signedIn: page }) => {
  // It takes connections and says nothing: the check of its certificate lasts until the time for one call is over.
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  await open(page, "/engines?new=on_premise");
  await fill(page, {
    "Engine Name": unique("engine"),
    "API Hostname": `https://127.0.0.1:${port}`,
    "Load Balancer IP": "203.0.113.10",
    "Bearer Token": "token",
  });
  await page.getByRole("button", { name: "Run preflight" }).click();
  const soFar = page.getByRole("region", { name: "Checks so far" });
  await expect(soFar.getByText("The address is allowed")).toBeVisible();
  await expect(soFar.getByText("Something listens there")).toBeVisible();
  const report = page.getByRole("region", { name: "Preflight report" });
  await expect(report.getByText("The engine cannot be added like this")).toBeVisible();
  await expect(soFar).toBeHidden();
  silent.close();
});

test("generates manifests that kubectl applies from their address", async ({ signedIn: page }) => {
  const name = unique("engine");
  await open(page, "/engines?new=on_premise");
  await fill(page, { "Engine Name": name, Namespace: name, ServiceAccount: `${name}-sa` });
  await page.getByRole("button", { name: "Generate manifests" }).click();
  const made = page.getByRole("region", { name: "Generated manifests" });
  await expect(made.getByText(/^kubectl apply -f http/)).toBeVisible();
  await expect(made.getByText(`kubectl -n ${name} create token ${name}-sa --duration=24h`)).toBeVisible();
  const command = await made.getByText(/^kubectl apply -f http/).innerText();
  const url = command.replace("kubectl apply -f ", "").trim();
  expect(await clusterAdmin(["apply", "-f", url])).toContain(`serviceaccount/${name}-sa created`);
  expect(await clusterAdmin(["-n", name, "create", "token", `${name}-sa`])).toMatch(/^eyJ/);

  await test.step("the published files are there under their names", async () => {
    await made.getByText("The file, and what takes it back").click();
    const download = page.waitForEvent("download");
    await made.getByRole("link", { name: "clusterrole.yaml" }).click();
    expect((await download).suggestedFilename()).toBe("clusterrole.yaml");
  });

  expect(await clusterAdmin(["delete", "-f", url])).toContain("deleted");
});
