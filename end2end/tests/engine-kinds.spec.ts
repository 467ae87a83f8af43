// Engines that are no cluster: a RunPod account, here a simulated one that bills what it rents, and the container engine
// of this machine. Each is imported through its form, gives a node, and is forgotten.
import { access } from "node:fs/promises";
import { added, forgotten, ready } from "../engines.ts";
import { expect, fill, open, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { looksRight } from "../looks.ts";
import { namespace } from "../namespaces.ts";

const EVERYBODY = "For every account of the platform (operators only)";

/** The form of a kind, found as a person finds it. */
async function form(page: Page, kind: RegExp): Promise<void> {
  await open(page, "/engines");
  await page.getByRole("link", { name: "Add engine" }).first().click();
  await page.getByRole("link", { name: kind }).click();
  await expect(page.getByLabel("Engine Name", { exact: true })).toBeVisible();
}

async function preflight(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Run preflight" }).click();
}

async function socket(): Promise<string> {
  const podman = `${process.env.REMOTEGPU_TEST_DIR}/podman.sock`;
  return access(podman).then(() => podman, () => "/var/run/docker.sock");
}

test.describe("engines that are no cluster", () => {
  test.use({ refusals: true });

  test("a RunPod account is imported, gives a node, gets a new key and is forgotten", async ({ signedIn: page }) => {
    const name = unique("rented");
    const key = process.env.REMOTEGPU_TEST_RUNPOD_KEY ?? "";
    const report = page.getByRole("region", { name: "Preflight report" });
    await form(page, /^RunPod/);

    await test.step("without a key, and with a wrong one, it says so", async () => {
      await fill(page, { "Engine Name": name });
      await page.getByLabel(EVERYBODY).check();
      await preflight(page);
      await expect(page.getByText("Paste the API key of the RunPod account")).toBeVisible();
      await fill(page, { "API key": "rpa_of_nobody" });
      await preflight(page);
      await expect(report.getByText("RunPod refuses the API key")).toBeVisible();
      await expect(report.getByText("The engine cannot be added like this")).toBeVisible();
    });

    await test.step("a limit that leaves nothing is told before anything is added", async () => {
      await fill(page, { "API key": key, "Most for one instance, US dollars an hour": "0.001" });
      await preflight(page);
      await expect(report.getByText("The API key is valid")).toBeVisible();
      await expect(report.getByText(/^Price and data centres leave none of \d+ GPU types$/)).toBeVisible();
      await expect(report.getByText("Degraded", { exact: true })).toBeVisible();
      await fill(page, { "Most for one instance, US dollars an hour": "1000" });
      await expect(report).toBeHidden();
      await page.getByLabel("Cloud", { exact: true }).selectOption("all");
      await preflight(page);
      await expect(report.getByText(/^Price and data centres leave [1-9]\d* of \d+ GPU types: /)).toBeVisible();
      await expect(report.getByText("RunPod's API does not tell the balance; look at its own console")).toBeVisible();
      await expect(report.getByText("Ready", { exact: true })).toBeVisible();
    });

    const engine = await added(page, name);
    expect(await page.content(), "the key is never shown again").not.toContain(key);
    await ready(page, engine, `${name}-runpod`);
    for (const path of [`${engine}?do=rotate`, engine]) await looksRight(page, path);

    await test.step("a wrong key changes nothing, a good one takes the old one's place", async () => {
      await page.getByRole("link", { name: "Rotate credentials" }).click();
      const dialog = page.getByRole("dialog", { name: `Rotate the credentials of ${name}` });
      await dialog.getByLabel("API key", { exact: true }).fill("rpa_of_nobody");
      await dialog.getByRole("button", { name: "Rotate" }).click();
      await expect(dialog.getByText("RunPod refuses the API key").first()).toBeVisible();
      await dialog.getByLabel("API key", { exact: true }).fill(key);
      await dialog.getByRole("button", { name: "Rotate" }).click();
      await expect(page.getByText(`The credentials of ${name} are replaced`)).toBeVisible();
    });

    await test.step("a plan under a SKU of this engine is offered no volumes, and told why", async () => {
      const [code, placement] = [unique("sku"), { engines: [name] }];
      const price = { perHour: "0.10", currency: "EUR" };
      const spec = { title: `1 CPU of ${code}`, resources: { cpu: "1", memory: "1Gi" }, price, placement };
      expect((await page.request.post("/v1/platform/skus", { data: { code, spec } })).status()).toBe(201);
      await expect.poll(async () => (await page.request.get(`/v1/skus/${code}`)).status()).toBe(200);
      await open(page, `/kubernetes/${await namespace(page)}/deploy?sku=${code}`);
      await page.getByText("Secrets, ConfigMaps, volumes, labels").click();
      await expect(page.getByLabel("Volumes", { exact: true })).toBeDisabled();
      await expect(page.getByText(`Engine ${name} mounts no volumes`)).toBeVisible();
      const retired = await page.request.patch(`/v1/platform/skus/${code}`, { data: { retired: true } });
      expect(retired.status()).toBe(200);
    });

    await open(page, engine);
    await forgotten(page, name, `${name}-runpod`);
    const account = await (await page.request.get(`${process.env.REMOTEGPU_TEST_RUNPOD_URL}/control/report`)).json();
    expect(account.pods, "an import rents nothing").toEqual([]);
    expect(account.violations, "the simulator kept to the official schema").toEqual([]);
  });

  test("the container engine of this machine is imported, gives a node and is forgotten", async ({
    signedIn: page,
  }) => {
    const name = unique("box");
    const report = page.getByRole("region", { name: "Preflight report" });
    await form(page, /^Docker host/);

    await test.step("a socket of this machine is for everybody or for nobody", async () => {
      await fill(page, { "Engine Name": name, Endpoint: `unix://${await socket()}` });
      await preflight(page);
      await expect(page.getByText("Sockets of the console's machine are for the platform's engines")).toBeVisible();
      await page.getByLabel(EVERYBODY).check();
    });

    await test.step("a socket that is not there says so", async () => {
      await fill(page, { Endpoint: "unix:///nowhere/docker.sock" });
      await preflight(page);
      await expect(report.getByText(/There is no such socket|Nobody answers at this socket/)).toBeVisible();
      await expect(report.getByText("The engine cannot be added like this")).toBeVisible();
    });

    await test.step("the right one tells its version, and what it does not tell", async () => {
      await fill(page, { Endpoint: `unix://${await socket()}` });
      await preflight(page);
      await expect(report.getByText("The socket answers")).toBeVisible();
      await expect(report.getByText(/^Version \d/)).toBeVisible();
      await expect(report.getByText("The host does not say how much disk is free")).toBeVisible();
    });

    const engine = await added(page, name);
    await expect(page.getByText("None: a socket of this machine")).toBeVisible();
    await ready(page, engine, `${name}-docker`);
    for (const path of [`${engine}?do=delete`, engine]) await looksRight(page, path);
    await forgotten(page, name, `${name}-docker`);
  });
});
