// The whole life of an API key: made, tried, changed, rotated with overlap, disabled, revoked; its credentials ended.
import { expect, open, test, type Page } from "../fixtures.ts";
import { kubectl, unique } from "../helpers.ts";
import { newNamespace } from "../namespaces.ts";

/** A key made with the form of the list; gives its secret. */
async function newKey(page: Page, name: string, scope: RegExp): Promise<string> {
  await open(page, "/settings/api-keys?new=key");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByRole("radio", { name: scope }).check();
  await dialog.getByRole("button", { name: "Create key" }).click();
  const secret = await dialog.getByTestId("secret").innerText();
  await dialog.getByRole("link", { name: "Done" }).click();
  return secret;
}

async function openKey(page: Page, name: string): Promise<void> {
  await open(page, "/settings/api-keys");
  await page.getByRole("link", { name, exact: true }).click();
  await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
}

test("make, try, change, rotate, disable, enable, revoke", async ({ signedIn: page }, info) => {
  const [team, name] = [unique("team"), unique("key")];
  const id = await newNamespace(page, team);
  const first = await newKey(page, name, /Everything/);

  const file = await test.step("the kubeconfig says what it is before it is downloaded", async () => {
    await open(page, `/kubernetes/${id}/access`);
    await page.getByRole("link", { name: "kubectl-remotegpu" }).click();
    await expect(page).toHaveURL(/variant=cli/);
    // What stood there stays until the facts of the other file have come.
    await expect(page.getByText("Needs the program kubectl-remotegpu on the PATH.")).toBeVisible();
    await page.getByText("The exact command it runs").click();
    await expect(page.getByText(/kubectl-remotegpu exec-credential --url/)).toBeVisible();
    await page.getByText("Where kubectl runs named programs only").click();
    await expect(page.getByText("credentialPluginPolicy: Allowlist")).toBeVisible();
    // The file of one choice is not to be had under the name of the next: its facts are held back for a while.
    let answer = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    await page.route("**/api/kubeconfig/facts*", async (route) => {
      await held;
      await route.continue();
    });
    const facts = page.getByText("kubectl-remotegpu on the PATH").locator("xpath=ancestor::*[@aria-busy][1]");
    await page.getByRole("link", { name: "Linux, macOS" }).click();
    await expect(page).toHaveURL(/variant=sh/);
    await expect(facts).toHaveAttribute("inert");
    answer();
    await expect(page.getByText("Needs sh and curl 7.55 or newer.")).toBeVisible();
    const started = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download" }).click();
    const path = info.outputPath("kubeconfig.yaml");
    await (await started).saveAs(path);
    return path;
  });

  await test.step("the third card turns green with the first credential", async () => {
    await expect(page.getByText("It works")).toHaveCount(0);
    expect(await kubectl(file, first, ["get", "pods"])).toContain("No resources found");
    await expect(page.getByText("It works")).toBeVisible();
    await expect(page.getByTestId("credential")).toHaveCount(1);
  });

  await test.step("what the key can do", async () => {
    await openKey(page, name);
    const line = page.getByTestId("report").getByRole("listitem").filter({ hasText: team });
    await expect(line).toContainText("daily work");
    await expect(line).toContainText("Yes");
  });

  await test.step("change it: another name, looks only, ends soon", async () => {
    await page.getByLabel("Name", { exact: true }).fill(`${name}-2`);
    await page.getByLabel("Rights").selectOption("view");
    await page.getByLabel("Last day (optional)").fill("2099-12-31");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByRole("heading", { name: `${name}-2`, level: 1 })).toBeVisible();
    await expect(page.getByText("2099-12-31 23:59 UTC")).toBeVisible();
    await expect(page.getByTestId("report").getByRole("listitem").filter({ hasText: team })).toContainText("Looks only");
    // The other role has taken the first one's place in the cluster.
    const may = (verb: string) =>
      kubectl(file, first, ["auth", "can-i", verb, "pods"]).then(String, ({ stdout }: { stdout: string }) => stdout);
    await expect
      .poll(async () => [await may("list"), await may("create")].map((word) => word.trim()), { timeout: 60_000 })
      .toEqual(["yes", "no"]);
  });

  const second = await test.step("rotate with a day of overlap: both secrets work, the file stays", async () => {
    await page.getByRole("link", { name: "Rotate", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("The old secret ends").selectOption("86400");
    await dialog.getByRole("button", { name: "Rotate key" }).click();
    const secret = await dialog.getByTestId("secret").innerText();
    expect(secret).not.toBe(first);
    await dialog.getByRole("link", { name: "Done" }).click();
    await expect(page.getByText(/Two secrets work until/)).toBeVisible();
    await expect(page.getByText(secret)).toHaveCount(0);
    for (const key of [first, secret]) expect(await kubectl(file, key, ["get", "pods"])).toContain("No resources found");
    return secret;
  });

  await test.step("rotate at once: every older secret is dead", async () => {
    await page.getByRole("link", { name: "Rotate", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await expect(dialog.getByText(/its old secret ends at once/)).toBeVisible();
    await dialog.getByLabel("The old secret ends").selectOption("0");
    await dialog.getByRole("button", { name: "Rotate key" }).click();
    await dialog.getByTestId("secret").innerText();
    await dialog.getByRole("link", { name: "Done" }).click();
    for (const key of [first, second]) await expect(kubectl(file, key, ["get", "pods"])).rejects.toThrow(/Invalid API key/);
  });

  await test.step("disable and enable", async () => {
    await page.getByRole("link", { name: "Disable", exact: true }).click();
    await expect(page.getByRole("dialog")).toContainText("tokens it was given end at once");
    await page.getByRole("button", { name: "Disable key" }).click();
    await expect(page.getByText("Disabled", { exact: true }).first()).toBeVisible();
    await expect(page.getByText("The key is disabled").first()).toBeVisible();
    await page.getByRole("button", { name: "Undo" }).click();
    await expect(page.getByText("works again")).toBeVisible();
    await expect(page.getByRole("button", { name: "Undo" })).toHaveCount(0);
    await page.getByRole("link", { name: "Disable", exact: true }).click();
    await page.getByRole("button", { name: "Disable key" }).click();
    await expect(page.getByText("Disabled", { exact: true }).first()).toBeVisible();
    await page.getByRole("link", { name: "Enable", exact: true }).click();
    await page.getByRole("button", { name: "Enable key" }).click();
    await expect(page.getByText("Active", { exact: true }).first()).toBeVisible();
  });

  await test.step("revoke from the list's row menu; the dialog names the consequence", async () => {
    await open(page, "/settings/api-keys");
    const row = page.getByRole("row").filter({ hasText: `${name}-2` });
    await row.getByLabel(`Actions for ${name}-2`).click();
    await row.getByRole("link", { name: "Revoke" }).click();
    await expect(page.getByRole("dialog")).toContainText("This cannot be undone");
    await page.getByRole("button", { name: "Revoke key" }).click();
    await expect(page).toHaveURL(/\/settings\/api-keys(\?.*)?$/);
    await expect(page.getByRole("row").filter({ hasText: `${name}-2` })).toContainText("Revoked");
  });
});

test("keys that are ticked in the list are revoked with one confirmation", async ({ signedIn: page }) => {
  const names = [unique("tick"), unique("tick"), unique("kept")];
  for (const name of names) await page.request.post("/v1/api-keys", { data: { name, scopes: { all: true } } });
  await open(page, "/settings/api-keys");
  await expect(page.getByRole("button", { name: "Revoke selected" })).toBeHidden();
  for (const name of names.slice(0, 2)) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  await page.getByRole("button", { name: "Revoke selected" }).click();
  const dialog = page.getByRole("dialog", { name: "Revoke 2 keys" });
  for (const name of names.slice(0, 2)) await expect(dialog.getByText(name)).toBeVisible();
  await dialog.getByRole("button", { name: "Revoke 2 keys" }).click();
  await expect(page.getByText("Revoked for good: 2 keys")).toBeVisible();
  const row = (name: string) => page.getByRole("row").filter({ hasText: name });
  for (const name of names.slice(0, 2)) await expect(row(name)).toContainText("Revoked");
  await expect(row(names[2]!)).toContainText("Active");
});

test("revoke one credential; the next command fetches another", async ({ signedIn: page }, info) => {
  const [team, name] = [unique("team"), unique("key")];
  const id = await newNamespace(page, team);
  const key = await newKey(page, name, /^All namespaces/);
  await open(page, `/kubernetes/${id}/access`);
  const started = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  const file = info.outputPath("kubeconfig.yaml");
  await (await started).saveAs(file);
  await kubectl(file, key, ["get", "pods"]);

  await open(page, `/kubernetes/${id}/access`);
  await page.getByRole("link", { name: `Revoke the credential for ${name}` }).click();
  await expect(page.getByRole("dialog")).toContainText("The key stays good");
  await page.getByRole("button", { name: "Revoke credential" }).click();
  await expect(page.getByTestId("credential").first()).toContainText("Revoked");

  expect(await kubectl(file, key, ["get", "pods"])).toContain("No resources found");
  await open(page, `/kubernetes/${id}/access`);
  await expect(page.getByTestId("credential")).toHaveCount(2);
  await expect(page.getByTestId("credential").first()).toContainText("Active");
});

test.describe("what is refused", () => {
  test.use({ refusals: true });

  test("wrong input is said at its field and nothing typed is lost", async ({ signedIn: page }) => {
    const name = unique("key");
    await newKey(page, name, /Inference only/);
    await openKey(page, name);
    await page.getByLabel("Last day (optional)").fill("2020-01-01");
    await page.getByRole("button", { name: "Save" }).click();
    await expect(page.getByText("The expiry must lie in the future")).toBeVisible();
    await expect(page.getByLabel("Last day (optional)")).toHaveValue("2020-01-01");
  });
});
