// Limits from the operator down to who deploys: an account's total, a namespace's share of it, meters, and a plan that is
// refused with the numbers that are left.
import { expect, fill, hydrated, join, open, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

/** Opens a page until all its meters of these names say so: the cluster counts, and such a page stays as it was opened. */
async function metered(page: Page, path: string, meters: string[]): Promise<void> {
  const shown = async () => {
    await open(page, path);
    const counts = meters.map((meter) => page.getByRole("img", { name: meter, exact: true }).count());
    return (await Promise.all(counts)).every((count) => count > 0);
  };
  await expect.poll(shown, { message: meters.join(", "), timeout: 60_000 }).toBe(true);
}

test("an account's total and a namespace's share are set, seen, and refuse a plan with what is left", async ({ signedIn: page, browser }) => {
  const customer = unique("customer");
  const [owner, member] = [await (await browser.newContext()).newPage(), await (await browser.newContext()).newPage()];

  await test.step("an operator makes an account and gives it a total", async () => {
    await open(page, "/platform/accounts");
    await page.getByRole("link", { name: "New account" }).click();
    await fill(page, { Name: customer, "First owner's e-mail": `${unique("owner")}@example.com` });
    await page.getByRole("button", { name: "Create account" }).click();
    const link = await page.getByTestId("secret").innerText();
    await page.getByRole("link", { name: "Open account" }).click();
    await expect(page.getByRole("heading", { name: customer })).toBeVisible();
    await hydrated(page);
    await fill(page, { "GPUs in all": "2", "Pods in all": "4" });
    await page.getByRole("button", { name: "Save limits" }).click();
    await expect(page.getByText("The limits are saved")).toBeVisible();
    await open(page, new URL(page.url()).pathname);
    await expect(page.getByLabel("GPUs in all", { exact: true })).toHaveValue("2");
    await expect(page.getByLabel("Pods in all", { exact: true })).toHaveValue("4");
    await expect(page.getByLabel("Cores in all", { exact: true })).toHaveValue("");
    await join(owner, link);
  });

  const id = await namespace(owner);
  const limits = `/kubernetes/${id}/quota`;

  await test.step("the owner's only namespace may have all of it, until it is given a share", async () => {
    await metered(owner, limits, ["GPUs: 0 of 2", "pods: 0 of 4"]);
    await fill(owner, { "GPUs at most": "1", "Pods at most": "3" });
    await owner.getByRole("button", { name: "Save share" }).click();
    await expect(owner.getByText("The limits are saved")).toBeVisible();
    await metered(owner, limits, ["GPUs: 0 of 1", "pods: 0 of 3"]);
    await expect(owner.getByLabel("GPUs at most", { exact: true })).toHaveValue("1");
    await expect(owner.getByLabel("Pods at most", { exact: true })).toHaveValue("3");
  });

  await test.step("a member sees the meters and may not move them", async () => {
    const data = { email: `${unique("member")}@example.com`, role: "member" };
    const { link } = (await (await owner.request.post("/v1/invitations", { data })).json()) as { link: string };
    await join(member, link);
    await metered(member, limits, ["GPUs: 0 of 1", "pods: 0 of 3"]);
    const save = member.getByRole("button", { name: "Save share" });
    await expect(save).toHaveAttribute("title", "Owners and admins may do this");
    await expect(save).toBeDisabled();
    await metered(member, "/settings/account", ["GPUs: 0 of 2"]);
  });

  await test.step("a plan beyond the share is refused with what is left, and one within it is not", async () => {
    await open(member, `/kubernetes/${id}/deploy?sku=gpu-h100-1x`);
    const check = member.getByRole("list", { name: "Check" });
    const whose = "of this namespace's share of the account";
    await fill(member, { Name: "trainer", Image: "registry.invalid/app:1", Replicas: "2" });
    await expect(check.getByText(`Needs 2 GPUs, 1 of 1 left ${whose}`)).toBeVisible();
    await expect(check).toHaveAttribute("data-allowed", "false");
    await fill(member, { Replicas: "4" });
    await expect(check.getByText(`Needs 4 GPUs, 1 of 1 left ${whose}`)).toBeVisible();
    await expect(check.getByText(`Needs 4 pods, 3 of 3 left ${whose}`)).toBeVisible();
    await fill(member, { Replicas: "1" });
    await expect(check).toHaveAttribute("data-allowed", "true");
    await expect(check.getByText(/^Needs /)).toHaveCount(0);
    await expect(check.getByText("1 of 1 GPUs (0 used)")).toBeVisible();
  });
  await owner.context().close();
  await member.context().close();
});
