// The SKU of pods that name none: chosen in the namespace's settings, kept, and taken away again.
import { expect, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

test("a namespace gets a default SKU and gives it back", async ({ signedIn: page }) => {
  const made = await page.request.post("/v1/kubernetes/namespaces", { data: { name: unique("team") } });
  const { id } = (await made.json()) as { id: string };
  const chosen = async () => (await (await page.request.get(`/v1/kubernetes/namespaces/${id}/default-sku`)).json()) as unknown;
  const choice = page.getByLabel("SKU of pods that name none");

  await test.step("none at first", async () => {
    await open(page, `/kubernetes/${id}/settings`);
    await expect(choice).toHaveValue("");
  });

  await test.step("choose one; it is kept", async () => {
    await choice.selectOption("cpu-shared-8g");
    await page.getByRole("button", { name: "Save default SKU" }).click();
    await expect(page.getByText("The default SKU is saved; new pods follow within moments")).toBeVisible();
    expect(await chosen()).toEqual({ sku_code: "cpu-shared-8g" });
    await open(page, `/kubernetes/${id}/settings`);
    await expect(choice).toHaveValue("cpu-shared-8g");
  });

  await test.step("take it away again", async () => {
    await choice.selectOption("");
    await page.getByRole("button", { name: "Save default SKU" }).click();
    await expect(page.getByText("The default SKU is saved; new pods follow within moments")).toBeVisible();
    expect(await chosen()).toEqual({ sku_code: null });
  });
});
