// Pictures of the product for the README and for review: `SHOTS=1 npx playwright test --project shots` over a running `up`.
import { expect, open, test } from "../fixtures.ts";
import { image, unique } from "../helpers.ts";

const FOLDER = process.env.SHOTS_DIR ?? "../docs/screenshots";

test("pictures of the pages", async ({ signedIn: page }) => {
  await page.setViewportSize({ width: 1280, height: 860 });
  const shot = (name: string) => page.screenshot({ path: `${FOLDER}/${name}.png`, animations: "disabled" });
  await page.emulateMedia({ colorScheme: "light" });
  const made = await page.request.post("/v1/kubernetes/namespaces", { data: { name: unique("team-ml") } });
  const { id } = (await made.json()) as { id: string };
  const namespace = `/v1/kubernetes/namespaces/${id}`;
  await expect
    .poll(async () => ((await (await page.request.get(namespace)).json()) as { status: string }).status)
    .toBe("active");
  const plans = [
    { name: "worker", sku_code: "cpu-shared-8g", replicas: 1, image: await image() },
    { name: "trainer", sku_code: "gpu-h100-1x", replicas: 2, image: "registry.example.com/trainer:2" },
  ];
  for (const data of plans) {
    expect((await page.request.post(`${namespace}/deployments`, { data })).status()).toBe(201);
  }
  await open(page, `/kubernetes/${id}/workloads/deployment/worker/logs`);
  await expect(page.getByRole("log")).toContainText("tick 5");
  await shot("deployment");
  await page.emulateMedia({ colorScheme: "dark" });
  await open(page, `/kubernetes/${id}/workloads/deployment/trainer`);
  await expect(page.getByTestId("reason")).toContainText("Running");
  await shot("deployment-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, "/kubernetes");
  await shot("namespaces");
  await open(page, `/kubernetes/${id}/deploy?sku=gpu-h100-1x`);
  await page.getByLabel("Name", { exact: true }).fill("trainer-2");
  await page.getByLabel("Image").fill("registry.example.com/trainer:2");
  await expect(page.getByText("3.29").first()).toBeVisible();
  await shot("deploy");
  await open(page, `/kubernetes/${id}/access`);
  await shot("access");
  await open(page, "/");
  await shot("overview");
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page, `/kubernetes/${id}/access`);
  await shot("access-390");
  await open(page, `/kubernetes/${id}/deploy`);
  await shot("deploy-390");
});
