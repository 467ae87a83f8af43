// A SKU without JavaScript: refused at its field, put on sale, priced anew, retired, sold again.
import { expect, signInPlainly, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

test("an operator without JavaScript sells a SKU, prices it anew and retires it", async ({ page, person }) => {
  await signInPlainly(page, person);
  const code = unique("plain");
  const field = (label: string) => page.getByLabel(label, { exact: true });
  const fill = async (price: string) => {
    const fields = { Code: code, Title: `2 CPU of ${code}`, CPU: "2", Memory: "4Gi", Engines: "simulated", "Price of an hour": price };
    for (const [label, value] of Object.entries(fields)) await field(label).fill(value);
    await page.getByRole("button", { name: "Put on sale" }).click();
  };

  await page.goto("/platform/skus?new=sku");
  await fill("free");
  await expect(page.getByText("Write the price of an hour as a decimal")).toBeVisible();
  await fill("0.20");
  await expect(page).toHaveURL(new RegExp(`/platform/skus/${code}\\?done=sku-created`));
  await expect(page.getByText("version 1")).toBeVisible();

  await field("Price of an hour").fill("0.25");
  await field("Tolerations").fill("nvidia.com/gpu:NoSchedule\nexample.com/slow");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page).toHaveURL(/done=sku-changed/);
  await expect(page.getByText("version 2")).toBeVisible();
  await expect(field("Price of an hour")).toHaveValue(/^0\.250*$/);
  await expect(field("Tolerations")).toHaveValue("nvidia.com/gpu:NoSchedule\nexample.com/slow");

  await page.getByRole("button", { name: "Retire SKU" }).click();
  await expect(page).toHaveURL(/done=sku-retired/);
  await page.getByRole("button", { name: "Sell again" }).click();
  await expect(page).toHaveURL(/done=sku-offered/);
  await page.getByRole("button", { name: "Retire SKU" }).click();
  await expect(page).toHaveURL(/done=sku-retired/);
});
