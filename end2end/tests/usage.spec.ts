// What runs is charged: seen in sums and record by record, taken out as a file, held by a budget.
import { readFile } from "node:fs/promises";
import { expect, open, test, type Page } from "../fixtures.ts";
import { deployed } from "../namespaces.ts";

/** Waits until the pods of a namespace are charged. */
async function charged(page: Page, id: string): Promise<void> {
  await expect
    .poll(async () => {
      const reply = await page.request.get(`/v1/usage/summary?namespace=${id}`);
      const { running, seconds } = (await reply.json()) as { running: number; seconds: number };
      return running === 1 && seconds > 0;
    })
    .toBe(true);
}

/** The month (UTC) in which a namespace has a record. One that begins has it only a moment later; then it keeps it. */
async function monthOfRecord(page: Page, id: string): Promise<string> {
  let month = "";
  await expect
    .poll(async () => {
      const reply = await page.request.get(`/v1/usage?namespace=${id}`);
      const { items } = (await reply.json()) as { items: { started_at: string }[] };
      month = items[0]?.started_at.slice(0, 7) ?? "";
      return month;
    })
    .toMatch(/^\d{4}-\d{2}$/);
  return month;
}

test("what runs is charged, and a budget holds it", async ({ signedIn: page }) => {
  const { team, id } = await deployed(page, "paid");
  await charged(page, id);

  await test.step("the head of the namespace says what it costs now", async () => {
    await open(page, `/kubernetes/${id}/workloads`);
    await expect(page.getByTitle(/so much an hour/)).toHaveText(/^€\d+\.\d+\/h$/);
  });

  await test.step("the readouts say the rate, the month so far and where it leads", async () => {
    await open(page, `/usage?namespace=${id}`);
    // The figure, then the note below it.
    const readout = (label: string) =>
      page.locator("dl > div").filter({ has: page.locator("dt", { hasText: new RegExp(`^${label}$`) }) }).locator("dd");
    await expect(readout("Cost now").first()).toHaveText("€0.06/h");
    await expect(readout("Cost now").last()).toHaveText("1 pod, €1.44 a day");
    const figure = async (label: string) => {
      await expect(readout(label).first()).toHaveText(/^€[\d.\s]+$/);
      return Number((await readout(label).first().innerText()).replace(/[^\d.]/g, ""));
    };
    expect(await figure("Forecast")).toBeGreaterThanOrEqual(await figure("This month"));
  });

  await test.step("the sums of the account, then of the namespace", async () => {
    await open(page, "/");
    await page.getByRole("link", { name: "Usage", exact: true }).click();
    await expect(page.getByRole("heading", { name: "Usage", exact: true })).toBeVisible();
    await expect(page.getByRole("img", { name: /^Cost by day and SKU from/ })).toBeVisible();
    const namespaces = page.getByRole("region", { name: "By namespace" });
    await namespaces.getByRole("link", { name: team }).click();
    await expect(page).toHaveURL(new RegExp(`/usage\\?namespace=${id}`));
    await expect(namespaces.getByRole("link")).toHaveCount(1);
    await expect(page.getByRole("region", { name: "By SKU" }).getByRole("link", { name: "cpu-shared-8g" })).toBeVisible();
    await expect(page.getByRole("region", { name: "By API key" }).getByRole("link", { name: "Without a key" })).toBeVisible();
    await expect(page.getByRole("img", { name: /; dashed, the forecast to \d{4}-\d{2}-\d{2}$/ })).toBeVisible();
    await expect(page.getByText("Forecast, if what runs now goes on")).toBeVisible();
    await page.getByRole("link", { name: "Show everything" }).click();
    await expect(page).toHaveURL(/\/usage$/);
  });

  await test.step("the days are a choice in the address", async () => {
    await page.getByLabel("From day (UTC)").fill("2026-01-01");
    await page.getByLabel("To day (UTC)").fill("2026-01-31");
    await page.getByRole("button", { name: "Show" }).click();
    await expect(page).toHaveURL(/since=2026-01-01&until=2026-01-31/);
    await expect(page.getByText("Nothing was used in these days")).toBeVisible();
    await expect(page.getByText("Forecast, if what runs now goes on")).toHaveCount(0);
  });

  await test.step("record by record, and as a file", async () => {
    const month = await monthOfRecord(page, id);
    await open(page, `/usage/records?month=${month}&namespace=${id}`);
    const record = page.getByTestId("usage-record");
    await expect(record).toHaveCount(1);
    // The end of the month ends the record, whose pod goes on in the next.
    const goesOn = new Date().toISOString().startsWith(month);
    await expect(record.getByText(goesOn ? "Running" : /^(Running|Ended)$/, { exact: true })).toBeVisible();
    const pod = record.getByRole("link", { name: /^paid-/ });
    await expect(pod).toHaveAttribute("href", new RegExp(`^/kubernetes/${id}/workloads/pod/paid-`));
    const started = page.waitForEvent("download");
    await page.getByRole("link", { name: "CSV" }).click();
    const file = await started;
    expect(file.suggestedFilename()).toBe(`usage-${month}.csv`);
    expect(await readFile(await file.path(), "utf8")).toContain(`"${team}"`);
  });

  await test.step("a budget that is spent refuses new pods", async () => {
    await page.getByRole("link", { name: "Budgets" }).click();
    await page.getByRole("link", { name: "New budget" }).first().click();
    await page.getByLabel("For", { exact: true }).selectOption({ label: team });
    await page.getByLabel(/^A month's money/).fill("0.000001");
    await page.getByLabel("Refuse new pods once all of it is spent; what runs goes on").check();
    await page.getByRole("button", { name: "Set budget" }).click();
    await expect(page.getByText("The budget is saved")).toBeVisible();
    const budget = page.getByTestId("budget").filter({ hasText: team });
    await expect(budget.getByText("New pods refused")).toBeVisible();
    await expect
      .poll(async () => {
        const plan = { name: "late", sku_code: "cpu-shared-8g", image: "nginx", replicas: 1 };
        const reply = await page.request.post(`/v1/kubernetes/namespaces/${id}/deployments`, { data: plan });
        return ((await reply.json()) as { code?: string }).code;
      })
      .toBe("admission_denied");
  });

  await test.step("a larger one takes them again", async () => {
    await page.getByRole("link", { name: `Change the budget of ${team}` }).click();
    await page.getByLabel(/^A month's money/).fill("1000");
    await page.getByRole("button", { name: "Save budget" }).click();
    const budget = page.getByTestId("budget").filter({ hasText: team });
    await expect(budget.getByText("Within budget")).toBeVisible();
  });

  await test.step("and stands in the chart of its namespace", async () => {
    await open(page, `/usage?namespace=${id}`);
    await expect(page.getByText(/^Budget of .+ a month, day by day/)).toBeVisible();
    await open(page, "/usage/budgets");
  });

  await test.step("it is deleted after a question", async () => {
    await page.getByRole("link", { name: `Delete the budget of ${team}` }).click();
    await expect(page.getByRole("dialog")).toContainText("Nothing warns you any more");
    await page.getByRole("button", { name: "Delete budget" }).click();
    await expect(page.getByText("The budget is deleted")).toBeVisible();
    await expect(page.getByTestId("budget").filter({ hasText: team })).toHaveCount(0);
  });
});

test.describe("refused forms", () => {
  test.use({ refusals: true });

  test("a wrong amount is said at its field", async ({ signedIn: page }) => {
    await open(page, "/usage/budgets?new=budget");
    await page.getByLabel(/^A month's money/).fill("plenty");
    await page.getByRole("button", { name: "Set budget" }).click();
    await expect(page.getByText("Write an amount such as 3.29, with at most six decimals")).toBeVisible();
  });
});
