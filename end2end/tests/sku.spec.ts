// SKUs as an operator sells them: made, found by tenants, priced anew, granted to some, retired.
import { expect, fill, open, test, type Page } from "../fixtures.ts";
import { clusterAdmin, unique } from "../helpers.ts";
import { looksRight } from "../looks.ts";
import { namespace } from "../namespaces.ts";

const tolerations = [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }];

/** A SKU on sale that no node offers, with `more` than CPU and memory, and how it is changed. */
async function soldNowhere(page: Page, more: object = {}) {
  const code = unique("sku");
  const spec = {
    title: `1 CPU of ${code}`,
    resources: { cpu: "1", memory: "1Gi" },
    price: { perHour: "0.10", currency: "EUR" },
    placement: { engines: [unique("nowhere")], tolerations },
    ...more,
  };
  expect((await page.request.post("/v1/platform/skus", { data: { code, spec } })).status()).toBe(201);
  await expect.poll(async () => (await page.request.get(`/v1/skus/${code}`)).status()).toBe(200);
  const change = async (data: object) =>
    expect((await page.request.patch(`/v1/platform/skus/${code}`, { data })).status()).toBe(200);
  return { code, change };
}

test.describe("operators", () => {
  test.use({ refusals: true });

  test("sell a SKU, mend what is wrong, price it anew, retire it", async ({ signedIn: page }) => {
    const code = unique("sku");
    const title = `2 CPU of ${code}`;

    await test.step("what is wrong is said at its field, and what was typed stays", async () => {
      await open(page, "/platform/skus");
      await page.getByRole("link", { name: "New SKU" }).click();
      await fill(page, { Code: code, Title: title, "Price of an hour": "free", CPU: "2", Memory: "many", Engines: "simulated" });
      await page.getByRole("button", { name: "Put on sale" }).click();
      await expect(page.getByText("Write the price of an hour as a decimal")).toBeVisible();
      await expect(page.getByText("Write memory above zero")).toBeVisible();
      await expect(page.getByLabel("Title", { exact: true })).toHaveValue(title);
    });

    await test.step("on sale at once, for tenants too", async () => {
      await fill(page, { "Price of an hour": "0.20", Memory: "4Gi", Tolerations: "nvidia.com/gpu:NoSchedule" });
      await fill(page, { "Node labels": "example.com/tier=fast", "Runtime class": "nvidia" });
      await page.getByRole("button", { name: "Put on sale" }).click();
      await expect(page).toHaveURL(new RegExp(`/platform/skus/${code}`));
      await expect(page.getByText(`${code} is on sale`)).toBeVisible();
      await expect
        .poll(async () => (await page.request.get(`/v1/skus/${code}`)).status())
        .toBe(200);
      await open(page, "/catalogue");
      await expect(page.getByText(title)).toBeVisible();
    });

    await test.step("a new price is a new version", async () => {
      await open(page, `/platform/skus/${code}`);
      await expect(page.getByText("version 1")).toBeVisible();
      await expect(page.getByLabel("Tolerations", { exact: true })).toHaveValue("nvidia.com/gpu:NoSchedule");
      await expect(page.getByLabel("Node labels", { exact: true })).toHaveValue("example.com/tier=fast");
      const placement = await clusterAdmin(["get", "skus.remotegpu.ai", code, "-o", "jsonpath={.spec.placement}"]);
      expect(JSON.parse(placement)).toMatchObject({ nodeSelector: { "example.com/tier": "fast" }, runtimeClassName: "nvidia" });
      await fill(page, { "Price of an hour": "0.25" });
      await page.getByRole("button", { name: "Save changes" }).click();
      await expect(page.getByText(`${code} is changed`)).toBeVisible();
      await expect(page.getByText("version 2")).toBeVisible();
    });

    await test.step("of two operators at one form the second is told", async () => {
      const change = { data: { title: `${title}, renamed` } };
      expect((await page.request.patch(`/v1/platform/skus/${code}`, change)).status()).toBe(200);
      await fill(page, { "Price of an hour": "0.30" });
      await page.getByRole("button", { name: "Save changes" }).click();
      await expect(page.getByText("Somebody changed this SKU meanwhile")).toBeVisible();
    });

    await test.step("retired, it leaves the catalogue and stays on the operator's list", async () => {
      await open(page, `/platform/skus/${code}`);
      await page.getByRole("button", { name: "Retire SKU" }).click();
      await expect(page.getByText(`${code} is retired; running pods go on`)).toBeVisible();
      await expect(page.getByRole("button", { name: "Sell again" })).toBeVisible();
      await expect
        .poll(async () => JSON.stringify(await (await page.request.get("/v1/skus")).json()))
        .not.toContain(code);
      await open(page, "/platform/skus");
      await expect(page.getByRole("row", { name: new RegExp(code) }).getByText("Retired")).toBeVisible();
    });
  });
});

test("an account is granted some SKUs and sees no others", async ({ signedIn: page }) => {
  const made = await page.request.post("/v1/platform/accounts", { data: { name: unique("customer") } });
  const { id } = (await made.json()) as { id: string };
  await open(page, `/platform/accounts/${id}`);
  await page.getByLabel("Only these").check();
  await page.getByLabel("cpu-shared-8g").check();
  await page.getByRole("button", { name: "Save SKUs" }).click();
  await expect(page.getByText("The SKUs are saved")).toBeVisible();
  const grants = await (await page.request.get(`/v1/platform/accounts/${id}/skus`)).json();
  expect(grants).toEqual({ all: false, codes: ["cpu-shared-8g"] });
  await open(page, `/platform/accounts/${id}`);
  await expect(page.getByLabel("cpu-shared-8g")).toBeChecked();
  await expect(page.getByLabel("gpu-h100-1x")).not.toBeChecked();
});

test("who waits for a SKU is told when it is free", async ({ signedIn: page }) => {
  const { code, change } = await soldNowhere(page);

  await open(page, "/catalogue");
  const tell = page.getByRole("button", { name: `Tell me when ${code} is free` });
  await tell.click();
  await expect(tell).toHaveAttribute("aria-pressed", "true");
  await open(page, "/catalogue");
  await expect(tell).toHaveAttribute("aria-pressed", "true");
  // Told by the stream: the page asks for nothing meanwhile.
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await change({ placement: { tolerations, engines: ["simulated"] } });
  await expect(page.getByText(`${code} is free now`)).toBeVisible({ timeout: 60_000 });
  expect(asked.filter((path) => path === "/api/sku/list")).toEqual([]);
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(page.getByText(`${code} is free now`)).toBeHidden();
  await change({ retired: true });
});

test("a pod that waits for a GPU says on its page why, in words", async ({ signedIn: page }) => {
  const gpu = { model: "H100", count: 1, memoryGiB: 80, resource: "nvidia.com/gpu" };
  // Dear: pods of other tests that name GPUs and no SKU get the cheapest that fits.
  const { code, change } = await soldNowhere(page, { gpu, price: { perHour: "99", currency: "EUR" } });
  const [id, name] = [await namespace(page), unique("waits")];
  const deployments = `/v1/kubernetes/namespaces/${id}/deployments`;
  const data = { name, sku_code: code, replicas: 1, image: "registry.invalid/app:1" };
  // The console knows the SKU, admission hears of it by a watch of its own.
  const made = async () => (await page.request.post(deployments, { data })).status();
  await expect.poll(made, { timeout: 60_000 }).toBe(201);
  await open(page, `/kubernetes/${id}/workloads/deployment/${name}`);
  const why = "No node offers H100 now. It starts by itself when one comes";
  await expect(page.getByTestId("reason")).toHaveText(why, { timeout: 60_000 });
  await open(page, `/kubernetes/${id}/workloads`);
  await expect(page.getByRole("row").filter({ hasText: name })).toContainText(why, { timeout: 60_000 });
  // Here and not with all pages: nothing else may sell or run what it waits for.
  await looksRight(page, `/kubernetes/${id}/workloads/deployment/${name}`);
  expect((await page.request.delete(`${deployments}/${name}`)).ok()).toBe(true);
  await change({ retired: true });
});

test("what is free follows on an open page, in the catalogue and while one deploys", async ({ signedIn: page, context }) => {
  const { code, change } = await soldNowhere(page);

  const wizard = await context.newPage();
  await open(wizard, `/kubernetes/${await namespace(page)}/deploy`);
  await open(page, "/catalogue");
  const row = page.getByRole("row").filter({ hasText: code });
  const card = wizard.locator("label").filter({ hasText: code });
  await expect(row).toContainText("0 of 0 free");
  await expect(card).toContainText("0 of 0 free");
  await change({ placement: { tolerations, engines: ["simulated"] } });
  await expect(row).toContainText(/[1-9]\d* of \d+ free/, { timeout: 60_000 });
  await expect(card).toContainText(/[1-9]\d* of \d+ free/, { timeout: 60_000 });
  await expect(page.getByRole("button", { name: `Tell me when ${code} is free` })).toHaveCount(0);
  await change({ retired: true });
  await expect(row).toHaveCount(0);
});

test("shapes are narrowed by memory, price and what is free, in the catalogue and while one deploys", async ({ signedIn: page }) => {
  const price = page.getByLabel("Price up to, an hour");
  const memory = page.getByLabel("GPU memory from, GB");
  const row = (code: string) => page.getByRole("row").filter({ hasText: code });

  await test.step("the catalogue", async () => {
    await open(page, "/catalogue");
    await price.fill("5");
    await price.press("Tab");
    await expect(page).toHaveURL(/\/catalogue\?price=5$/);
    await expect(row("gpu-h100-8x")).toHaveCount(0);
    await expect(row("gpu-h100-1x")).toContainText("€3.29/h");
    await expect(row("gpu-h100-1x")).toContainText("remotegpu-nvidia-1xh100");
    await expect(row("cpu-shared-8g")).toHaveCount(1);
    await memory.fill("40");
    await memory.press("Tab");
    await expect(row("cpu-shared-8g")).toHaveCount(0);
    await open(page, page.url());
    await expect(price).toHaveValue("5");
    await expect(row("gpu-h100-1x")).toHaveCount(1);
    await memory.fill("4000");
    await memory.press("Tab");
    await expect(page.getByText("No SKU fits the filter")).toBeVisible();
    await page.getByRole("link", { name: "Show all" }).click();
    await expect(row("gpu-h100-8x")).toHaveCount(1);
    await expect(price).toHaveValue("");
  });

  await test.step("the wizard keeps what was typed and chosen", async () => {
    await open(page, `/kubernetes/${await namespace(page)}/deploy?sku=cpu-shared-8g`);
    const name = page.getByLabel("Name", { exact: true });
    await name.fill("kept");
    await memory.fill("40");
    await memory.press("Enter");
    await price.fill("5");
    await price.press("Tab");
    await expect(page.getByRole("radio", { name: /gpu-h100-8x/ })).toBeHidden();
    await expect(page.getByRole("radio", { name: /gpu-h100-1x/ })).toBeVisible();
    await expect(page.getByRole("radio", { name: /cpu-shared-8g/ })).toBeChecked();
    await expect(page).toHaveURL(/\/deploy\?memory=40&price=5$/);
    await expect(name).toHaveValue("kept");
  });

  await test.step("who compares for a namespace comes back to it with a SKU chosen", async () => {
    await page.getByRole("link", { name: "Compare them side by side" }).click();
    await page.getByRole("navigation", { name: "Filter" }).getByRole("link", { name: "GPU" }).click();
    await expect(row("cpu-shared-8g")).toHaveCount(0);
    await page.getByRole("link", { name: "Choose gpu-h100-8x" }).click();
    await expect(page).toHaveURL(/\/deploy\?sku=gpu-h100-8x$/);
    await expect(page.getByRole("radio", { name: /gpu-h100-8x/ })).toBeChecked();
  });
});
