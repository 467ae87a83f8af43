// An engine's life in the browser: a second control plane is imported with a generated role, gives a node, gets new
// credentials, is checked, switched off and on, emptied and forgotten.
import { added, ready } from "../engines.ts";
import { expect, fill, open, test, type Page } from "../fixtures.ts";
import { clusterAdmin, importedAdmin, unique } from "../helpers.ts";

type Rights = { namespace: string; account: string; manifests: string };

const FEATURES = ["Ingress", "Certificates", "Ray", "Argo", "Volumes", "GPU discovery", "Metrics"];

/** Leaves pods and logs of what a form asks for. */
async function onlyPods(page: Page, group: string): Promise<void> {
  const features = page.getByRole("group", { name: group });
  for (const feature of FEATURES) await features.getByLabel(feature, { exact: true }).uncheck();
}

/** Generates a role in the page and applies it on the other side, as its administrator would. */
async function generated(page: Page, name: string): Promise<Rights> {
  const account = `${name}-sa`;
  await fill(page, { "Engine Name": name, Namespace: name, ServiceAccount: account });
  await onlyPods(page, "The engine shall do");
  await page.getByRole("button", { name: "Generate manifests" }).click();
  const made = page.getByRole("region", { name: "Generated manifests" });
  const command = await made.getByText(/^kubectl apply -f http/).innerText();
  const manifests = command.replace("kubectl apply -f ", "").trim();
  expect(await importedAdmin(["apply", "-f", manifests])).toContain(`serviceaccount/${account} created`);
  return { namespace: name, account, manifests };
}

async function token({ namespace, account }: Rights): Promise<string> {
  return (await importedAdmin(["-n", namespace, "create", "token", account, "--duration=24h"])).trim();
}

/**
 * The administrator's kubeconfig of the other side, with a token in the place of its certificate. Address and CA are found
 * with the commands beside their fields.
 */
async function kubeconfig(secret: string): Promise<string> {
  const read = (path: string) => importedAdmin(["config", "view", "--minify", "--raw", "-o", `jsonpath=${path}`]);
  const cluster = {
    server: await read("{.clusters[0].cluster.server}"),
    "certificate-authority-data": await read("{..cluster.certificate-authority-data}"),
  };
  expect(await importedAdmin(["cluster-info"])).toContain(cluster.server);
  return [
    "apiVersion: v1\nkind: Config\ncurrent-context: there\nclusters:\n- name: there\n  cluster:\n",
    ...Object.entries(cluster).map(([key, value]) => `    ${key}: ${value}\n`),
    "contexts:\n- name: there\n  context:\n    cluster: there\n    user: robot\nusers:\n- name: robot\n  user:\n",
    `    token: ${secret}\n`,
  ].join("");
}

async function paste(page: Page, secret: string): Promise<void> {
  await page.getByText("Paste a kubeconfig instead").click();
  await fill(page, { Kubeconfig: await kubeconfig(secret) });
  await page.getByRole("button", { name: "Take over" }).click();
  await expect(page.getByText("Taken over into the fields below.")).toBeVisible();
}

test.describe("a cluster of one's own", () => {
  test.use({ refusals: true });

  test("is imported, gives a node, is rotated, checked, switched off and on, emptied and forgotten", async ({
    signedIn: page,
  }) => {
    const name = unique("onprem");
    await open(page, "/engines?new=on_premise");
    const rights = await generated(page, name);

    await test.step("a preflight with a wrong token says so, one with the right token lists what it found", async () => {
      await paste(page, "not-a-token-of-this-cluster");
      await page.getByLabel("For every account of the platform (operators only)").check();
      await fill(page, { "Load Balancer IP": "203.0.113.10" });
      await page.getByText("What is asked for").click();
      await onlyPods(page, "Features to check");
      await fill(page, { Namespaces: rights.namespace, GPUs: "H100=4" });
      await page.getByRole("button", { name: "Run preflight" }).click();
      const report = page.getByRole("region", { name: "Preflight report" });
      await expect(report.getByText("Token refused (401)")).toBeVisible();
      await expect(report.getByText("The engine cannot be added like this")).toBeVisible();
      await fill(page, { "Bearer Token": await token(rights) });
      await page.getByRole("button", { name: "Run preflight" }).click();
      await expect(report.getByText("The credentials are accepted")).toBeVisible();
      await expect(report.getByText(`system:serviceaccount:${rights.namespace}:${rights.account}`)).toBeVisible();
      await expect(report.getByText("Ready", { exact: true })).toBeVisible();
    });

    const engine = await added(page, name);
    const node = `${name}-h100`;

    await test.step("a node of it appears, and the page shows what of it is taken", async () => {
      await ready(page, engine, node);
      const row = page.getByRole("region", { name: "Nodes" }).getByRole("row", { name: new RegExp(node) });
      await expect(row.getByText("0 of 4 H100")).toBeVisible();
    });

    await test.step("a wrong token changes nothing, a new one takes the old one's place", async () => {
      await page.getByRole("link", { name: "Rotate credentials" }).click();
      const dialog = page.getByRole("dialog", { name: `Rotate the credentials of ${name}` });
      await dialog.getByLabel("Bearer Token", { exact: true }).fill("wrong");
      await dialog.getByRole("button", { name: "Rotate" }).click();
      await expect(dialog.getByText("Token refused (401)").first()).toBeVisible();
      await dialog.getByLabel("Bearer Token", { exact: true }).fill(await token(rights));
      await dialog.getByRole("button", { name: "Rotate" }).click();
      await expect(page.getByText(`The credentials of ${name} are replaced`)).toBeVisible();
    });

    await test.step("a CA that is none changes nothing", async () => {
      await fill(page, { "CA Data": "none" });
      await page.getByRole("button", { name: "Save changes" }).click();
      await expect(page.getByText("No certificate found").first()).toBeVisible();
      await fill(page, { "CA Data": "" });
    });

    await test.step("a check asked for is the newest of the list", async () => {
      await page.getByRole("button", { name: "Check now" }).click();
      await expect(page.getByText(`Engine ${name} is checked`)).toBeVisible();
      await expect(page.getByText("full check, passed").first()).toBeVisible();
    });

    await test.step("off and on", async () => {
      await page.getByRole("button", { name: "Disable engine" }).click();
      await expect(page.getByText(`Engine ${name} takes no new workloads`)).toBeVisible();
      await expect(page.getByText("Disabled", { exact: true })).toBeVisible();
      await page.getByRole("button", { name: "Enable engine" }).click();
      await expect(page.getByText(`Engine ${name} takes workloads again`)).toBeVisible();
      await page.getByRole("button", { name: "Check now" }).click();
      await expect(page.getByText(`Engine ${name} is checked`)).toBeVisible();
    });

    await test.step("its node is emptied from the node's page", async () => {
      await page.getByRole("region", { name: "Nodes" }).getByRole("link", { name: node }).click();
      await expect(page.getByRole("heading", { name: node, level: 1 })).toBeVisible();
      await page.getByRole("link", { name: "Drain" }).click();
      const dialog = page.getByRole("dialog", { name: `Drain ${node}` });
      await dialog.getByLabel(`Type ${node} to confirm`).fill(node);
      await dialog.getByRole("button", { name: "Drain node" }).click();
      await expect(page.getByText(`${node} is being emptied`)).toBeVisible();
    });

    await test.step("it is forgotten under its typed name, and its node goes", async () => {
      await open(page, engine);
      await page.getByRole("link", { name: "Delete engine" }).click();
      const dialog = page.getByRole("dialog", { name: `Delete ${name}` });
      await expect(dialog.getByText(/^kubectl delete -f/)).toBeVisible();
      await dialog.getByLabel(`Type ${name} to confirm`).fill("other");
      await expect(dialog.getByRole("button", { name: "Delete engine" })).toBeDisabled();
      // Enter sends the form all the same, and the server refuses it.
      await dialog.getByLabel(`Type ${name} to confirm`).press("Enter");
      await expect(dialog.locator("#confirm-note")).not.toBeEmpty();
      await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
      await dialog.getByRole("button", { name: "Delete engine" }).click();
      await expect(page.getByText(`Engine ${name} is being deleted`)).toBeVisible();
      await expect
        .poll(() => clusterAdmin(["get", "node", node, "--ignore-not-found", "-o", "name"]), { timeout: 60_000 })
        .toBe("");
    });

    expect(await importedAdmin(["delete", "-f", rights.manifests])).toContain("deleted");
  });
});
