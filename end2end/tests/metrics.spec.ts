// What a workload uses, as charts; and what idle GPUs lead to. The simulated engine makes the figures up as it is told.
import { expect, open, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

/** Saves a rule that acts at once. */
async function rule(page: Page, id: string, action: string): Promise<void> {
  await open(page, `/kubernetes/${id}/settings`);
  await page.getByLabel("When GPUs are idle").selectOption(action);
  await page.getByLabel("Say so after minutes").fill("0");
  await page.getByLabel("Stop after minutes").fill("0");
  await page.getByRole("button", { name: "Save rule" }).click();
  await expect(page.getByText("The rule about idle GPUs is saved")).toBeVisible();
}

test("a workload shows what it uses, says that its GPUs are idle, and is stopped", async ({ signedIn: page }) => {
  const [id, name] = [await namespace(page), unique("train")];
  const plan = {
    name,
    sku_code: "gpu-h100-1x",
    replicas: 1,
    image: "busybox:1",
    env: [{ name: "SIMULATED_GPU_PERCENT", value: "2" }],
  };
  const route = `/v1/kubernetes/namespaces/${id}`;
  expect((await page.request.post(`${route}/deployments`, { data: plan })).status()).toBe(201);

  await test.step("four charts, each with its figure in words, and every GPU", async () => {
    await open(page, `/kubernetes/${id}/workloads/deployment/${name}`);
    await expect(page.getByTestId("reason")).toHaveText(/^Running/, { timeout: 60_000 });
    await page.getByRole("link", { name: "Metrics", exact: true }).click();
    const charts = page.getByTestId("metric");
    await expect(charts).toHaveCount(4, { timeout: 60_000 });
    await expect(page.getByRole("img", { name: "GPU over the last hour" })).toBeVisible();
    await expect(charts.filter({ hasText: "256 MiB" })).toHaveCount(1);
    await expect(page.getByText("H100: 2 % busy, 1.5 GiB of 80.0 GiB")).toBeVisible();
  });

  await test.step("its page and the overview say that its GPUs are idle", async () => {
    await rule(page, id, "Say so");
    await open(page, `/kubernetes/${id}/workloads/deployment/${name}`);
    await expect(page.getByText("Its GPUs are idle")).toBeVisible();
    await expect(page.getByTestId("idle")).toContainText("below 5 per cent");
    await open(page, "/");
    await expect(page.getByText(`The GPUs of ${name} are idle`)).toBeVisible();
  });

  await test.step("the rule stops it", async () => {
    await rule(page, id, "Say so, then stop");
    const wanted = async () => {
      const answer = await page.request.get(`${route}/workloads/deployment/${name}`);
      return ((await answer.json()) as { workload: { wanted: number } }).workload.wanted;
    };
    await expect.poll(wanted, { timeout: 60_000 }).toBe(0);
  });
});
