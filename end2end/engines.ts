// Steps of an engine's life that every kind of engine shares.
import { expect, open, type Page } from "./fixtures.ts";
import { clusterAdmin } from "./helpers.ts";

/** The second submit of a form whose preflight passed; gives the engine's path. */
export async function added(page: Page, name: string): Promise<string> {
  await page.getByRole("button", { name: "Add engine" }).click();
  await expect(page.getByText(`Engine ${name} is added`)).toBeVisible();
  await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
  return new URL(page.url()).pathname;
}

/** Waits for the engine's node, in the cluster and on the engine's page. */
export async function ready(page: Page, engine: string, node: string): Promise<void> {
  const status = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
  await expect
    .poll(() => clusterAdmin(["get", "node", node, "--ignore-not-found", "-o", status]), { timeout: 60_000 })
    .toBe("True");
  await expect
    .poll(async () => JSON.stringify(await (await page.request.get(`/v1${engine}`)).json()))
    .toContain(`"name":"${node}"`);
  await open(page, engine);
  await expect(page.getByRole("region", { name: "Nodes" }).getByRole("row", { name: new RegExp(node) })).toBeVisible();
}

/** Forgets the engine under its typed name and waits until its node is gone. */
export async function forgotten(page: Page, name: string, node: string): Promise<void> {
  await page.getByRole("link", { name: "Delete engine" }).click();
  const dialog = page.getByRole("dialog", { name: `Delete ${name}` });
  await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
  await dialog.getByRole("button", { name: "Delete engine" }).click();
  await expect(page.getByText(`Engine ${name} is being deleted`)).toBeVisible();
  // An account is forgotten when its list has shown nothing of it for as long as it may lag.
  await expect
    .poll(() => clusterAdmin(["get", "node", node, "--ignore-not-found", "-o", "name"]), { timeout: 120_000 })
    .toBe("");
}
