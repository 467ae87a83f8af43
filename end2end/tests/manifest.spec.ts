// A manifest pasted into the page: judged as it stands, refused with the reason, applied, seen.
import { expect, open, test } from "../fixtures.ts";
import { image } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

test("a pasted manifest is judged, mended and applied", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const job = (sku: string) => (container: string) =>
    JSON.stringify({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "pasted" },
      spec: {
        template: {
          metadata: { labels: { "remotegpu.ai/sku-code": sku } },
          spec: { restartPolicy: "Never", containers: [{ name: "app", image: container, command: ["/bin/sh", "-c", "exit 0"] }] },
        },
      },
    });
  const container = await image();

  await open(page, `/kubernetes/${id}/deploy`);
  await page.getByRole("link", { name: "Paste it" }).click();
  await expect(page).toHaveURL(new RegExp(`/kubernetes/${id}/manifest$`));
  const check = page.getByRole("list", { name: "Check" });
  await page.getByLabel("Manifest").fill(job("no-such-sku")(container));
  await expect(check).toHaveAttribute("data-allowed", "false");
  await expect(check).toContainText("no-such-sku");
  await test.step("while a changed one is judged, it is seen that the answer is about the one before", async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    await page.route("**/api/manifest/check*", async (route) => {
      await held;
      await route.continue();
    });
    const asked = page.waitForRequest("**/api/manifest/check*");
    await page.getByLabel("Manifest").fill(job("cpu-shared-8g")(container));
    await asked;
    await expect(page.getByTestId("verdict")).toHaveAttribute("aria-busy", "true");
    answer();
    await expect(page.getByTestId("verdict")).toHaveAttribute("aria-busy", "false");
  });
  await expect(check).toHaveAttribute("data-allowed", "true");
  await expect(check).toContainText("The API server takes it");
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/\/workloads\/job\/pasted/);
  await expect(page.getByText("pasted is applied")).toBeVisible();
  await expect(page.getByTestId("reason")).toHaveText("Completed", { timeout: 60_000 });
  // Nothing runs any more, and what it cost can still be read.
  const cost = page.locator("dl > div").filter({ has: page.getByText("Cost so far", { exact: true }) });
  await expect(cost.locator("dd").first()).toHaveText(/^€\d+\.\d+$/);
});

test("a CronJob is pasted, suspended, resumed, run by hand and deleted", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const container = { name: "app", image: await image(), command: ["/bin/sh", "-c", "exit 0"] };
  const template = {
    metadata: { labels: { "remotegpu.ai/sku-code": "cpu-shared-8g" } },
    spec: { restartPolicy: "Never", containers: [container] },
  };
  const spec = { schedule: "0 3 29 2 *", jobTemplate: { spec: { template } } };
  const cron = { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "night" }, spec };

  await open(page, `/kubernetes/${id}/manifest`);
  await page.getByLabel("Manifest").fill(JSON.stringify(cron));
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/\/workloads\/cronjob\/night/);
  const reason = page.getByTestId("reason");
  await expect(reason).toHaveText("Waits for 0 3 29 2 * (UTC)");
  await page.getByRole("button", { name: "Suspend" }).click();
  await expect(reason).toHaveText("Suspended: no Job starts by itself");
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(reason).toHaveText("Waits for 0 3 29 2 * (UTC)");
  await page.getByRole("button", { name: "Suspend" }).click();
  await expect(reason).toHaveText("Suspended: no Job starts by itself");
  await page.getByRole("button", { name: "Resume" }).click();
  await expect(reason).toHaveText("Waits for 0 3 29 2 * (UTC)");
  await page.getByRole("button", { name: "Run now" }).click();
  await expect(page).toHaveURL(/\/workloads\/job\/night-/);
  await expect(page.getByTestId("owners")).toHaveText("made by CronJob night");
  await expect(reason).toHaveText("Completed", { timeout: 60_000 });
  await page.getByRole("link", { name: "CronJob night" }).click();
  await page.getByRole("link", { name: "Delete" }).click();
  await page.getByLabel("Type night to confirm").fill("night");
  await page.getByRole("button", { name: "Delete cronjob" }).click();
  await expect(page.getByText("night and its pods are being deleted")).toBeVisible();
});
