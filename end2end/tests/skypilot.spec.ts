// SkyPilot access: choose, read the files, apply, verify, hand out a kubeconfig and end it, let an operator decide, remove.
import { expect, hydrated, open, test } from "../fixtures.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

test("SkyPilot access from the first tick to its removal", async ({ signedIn: page }) => {
  const id = await namespace(page, "sky");
  const inside = await kubernetesName(page, id);

  await test.step("choose a name and free GPUs; the files follow", async () => {
    await open(page, `/kubernetes/${id}/skypilot`);
    await expect(page.getByText("Off", { exact: true })).toBeVisible();
    await expect(page.getByText(/^Given to nobody in this version/)).toBeVisible();
    for (const way of ["A ServiceAccount of yours", "One that SkyPilot makes itself", "Your local kubeconfig"]) {
      await expect(page.getByText(way, { exact: true })).toBeVisible();
    }
    await page.getByLabel("ServiceAccount", { exact: true }).fill("my-sky");
    await page.getByLabel(/^sky gpus list/).check();
    await page.getByRole("button", { name: "Show the files" }).click();
    await expect(page).toHaveURL(/feature=gpus/);
    await hydrated(page);
    await expect(page.getByText('remote_identity: "my-sky"')).toBeVisible();
    await expect(page.getByText("kubectl apply -f create-sky-sa.yaml")).toBeVisible();
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "create-sky-sa.yaml" }).click();
    expect((await download).suggestedFilename()).toBe("create-sky-sa.yaml");
  });

  await test.step("apply: what stays inside the namespace is on, all pods wait for an operator", async () => {
    await page.getByRole("button", { name: "Apply my-sky" }).click();
    await expect(page.getByText("SkyPilot access of my-sky is applied")).toBeVisible();
    await expect(page.getByText("Applied", { exact: true })).toBeVisible();
    await expect(page.getByText("Waits for an operator").first()).toBeVisible();
  });

  await test.step("verify: the API server allows what is on, and the missing right has its fix", async () => {
    await page.getByRole("link", { name: "Verify", exact: true }).click();
    const table = page.getByRole("region", { name: "Rights", exact: true });
    await expect(table.getByText("create pods/exec")).toBeVisible();
    await expect(table.getByText("An operator has to allow it")).toBeVisible();
    await expect(page.getByText("Something that SkyPilot needs is missing")).toBeVisible();
  });

  await test.step("an operator allows it; then everything is allowed", async () => {
    await open(page, "/platform/skypilot");
    await page.getByRole("button", { name: `Allow ${inside}` }).click();
    await expect(page.getByRole("button", { name: `Take back ${inside}` })).toBeVisible();
    await open(page, `/kubernetes/${id}/skypilot?verify=1`);
    await expect(page.getByText("Everything that SkyPilot needs is allowed")).toBeVisible();
  });

  await test.step("issue a kubeconfig, which is shown once, and revoke it", async () => {
    await open(page, `/kubernetes/${id}/skypilot`);
    await page.getByLabel("Kubeconfig for").fill("ci");
    await page.getByRole("button", { name: "Issue kubeconfig" }).click();
    await expect(page.getByText("Shown once.")).toBeVisible();
    await expect(page.getByText(/current-context/)).toBeVisible();
    await expect(page.getByRole("region", { name: "Kubeconfigs", exact: true }).getByText("Active")).toBeVisible();
    await page.getByRole("link", { name: "Revoke ci" }).click();
    await page.getByRole("button", { name: "Revoke kubeconfig" }).click();
    await expect(page.getByRole("region", { name: "Kubeconfigs", exact: true }).getByText("Revoked")).toBeVisible();
  });

  await test.step("remove it by typing the account's name", async () => {
    await open(page, `/kubernetes/${id}/skypilot`);
    await page.getByRole("link", { name: "Remove access" }).click();
    await page.getByLabel("Type my-sky to confirm").fill("my-sky");
    await page.getByRole("button", { name: "Remove SkyPilot access" }).click();
    await expect(page.getByText("SkyPilot access of my-sky is taken away")).toBeVisible();
    await open(page, `/kubernetes/${id}/skypilot`);
    await expect(page.getByText("Off", { exact: true })).toBeVisible();
  });
});
