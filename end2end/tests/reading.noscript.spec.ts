// What is only read is read without JavaScript too: what runs, what it costs, who did what.
import { expect, signInPlainly, test } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

test("the workloads of a namespace are listed, filtered and looked into without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  const [id, name] = [await namespace(page), unique("read")];
  await emptyDeployment(name, await kubernetesName(page, id));
  await page.goto(`/kubernetes/${id}/workloads`);
  const link = page.getByRole("region", { name: "Workloads" }).getByRole("link", { name, exact: true });
  await expect(page.getByRole("row").filter({ hasText: name })).toContainText("Scaled to zero");
  await page.getByRole("searchbox", { name: "Name, image or SKU" }).fill("nothing-of-that-name");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(page).toHaveURL(/\?q=nothing-of-that-name$/);
  await expect(page.getByText("Nothing fits the filter")).toBeVisible();
  await page.getByRole("searchbox", { name: "Name, image or SKU" }).fill(name);
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await link.click();

  await expect(page).toHaveURL(new RegExp(`/workloads/deployment/${name}$`));
  await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
  await expect(page.getByTestId("reason")).not.toBeEmpty();
  await expect(page.getByText("No pod exists now.")).toBeVisible();
  const tabs = page.getByRole("navigation", { name: "Workload", exact: true });
  await tabs.getByRole("link", { name: "YAML" }).click();
  await expect(page.getByText("registry.invalid/app:1").last()).toBeVisible();
  await expect(page.getByText("replicas: 0")).toBeVisible();
  await tabs.getByRole("link", { name: "Metrics" }).click();
  await expect(page).toHaveURL(/\/metrics$/);
  await expect(page.getByRole("heading", { name: "Last hour" })).toBeVisible();
});

test("usage and the audit log are read and filtered without JavaScript", async ({ page, person }) => {
  await signInPlainly(page, person);
  await page.goto("/usage");
  await expect(page.getByRole("heading", { name: "Usage", level: 1 })).toBeVisible();
  await page.getByLabel("From day (UTC)").fill("2026-01-01");
  await page.getByLabel("To day (UTC)").fill("2026-01-31");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page).toHaveURL(/since=2026-01-01&until=2026-01-31/);
  await expect(page.getByText("Nothing was used in these days")).toBeVisible();

  await page.goto("/settings/audit");
  const rows = page.getByTestId("audit-row");
  // Nobody's clock runs: times are written whole.
  await expect(rows.first().locator("time")).toHaveText(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/);
  await page.getByLabel("Action").selectOption("session.created");
  await page.getByRole("button", { name: "Filter", exact: true }).click();
  await expect(page).toHaveURL(/action=session\.created/);
  await expect(rows.first()).toContainText("session.created");
  await rows.first().getByRole("link", { name: /^Details/ }).click();
  await expect(page.getByRole("heading", { name: "session.created" })).toBeVisible();
});
