// Steps of a namespace's life that several stories share.
import { expect, open, type Page } from "./fixtures.ts";
import { image, unique } from "./helpers.ts";

/** An active namespace of one's own, made through REST with the page's session; gives its id. */
export async function namespace(page: Page, prefix = "look"): Promise<string> {
  const made = await page.request.post("/v1/kubernetes/namespaces", { data: { name: unique(prefix) } });
  const { id } = (await made.json()) as { id: string };
  const status = async () => ((await (await page.request.get(`/v1/kubernetes/namespaces/${id}`)).json()) as { status: string }).status;
  await expect.poll(status, { timeout: 60_000 }).toBe("active");
  return id;
}

/** What a namespace is called in the cluster. */
export async function kubernetesName(page: Page, id: string): Promise<string> {
  const found = await page.request.get(`/v1/kubernetes/namespaces/${id}`);
  return ((await found.json()) as { kubernetes_name: string }).kubernetes_name;
}

/** The address of the list with the newest namespaces: the oldest come first, page by page, and other tests make theirs. */
export async function newest(page: Page): Promise<string> {
  type Namespaces = { items: unknown[]; next_cursor: string | null };
  const read = async (limit: number) =>
    (await (await page.request.get(`/v1/kubernetes/namespaces?limit=${limit}`)).json()) as Namespaces;
  const before = (await read(200)).items.length - 25;
  const cursor = before > 0 ? (await read(before)).next_cursor : null;
  return cursor ? `/kubernetes?cursor=${encodeURIComponent(cursor)}` : "/kubernetes";
}

/** A namespace that is active, made with the form; gives its id. */
export async function newNamespace(page: Page, name: string): Promise<string> {
  await open(page, "/kubernetes?new=namespace");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create namespace" }).click();
  await expect(page).toHaveURL(/\/kubernetes\/[0-9a-f-]{36}\/access/);
  // The cluster makes it; the first tests of a run come while it still ends what others left.
  await expect(page.getByText("Active", { exact: true }).first()).toBeVisible({ timeout: 60_000 });
  return new URL(page.url()).pathname.split("/")[2]!;
}

/** A namespace with one running deployment; gives its name and id. */
export async function deployed(page: Page, name: string): Promise<{ team: string; id: string }> {
  const team = unique("team");
  const id = await newNamespace(page, team);
  await open(page, `/kubernetes/${id}/deploy`);
  await page.getByRole("radio", { name: /cpu-shared-8g/ }).check();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Image").fill(await image());
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`/workloads/deployment/${name}`));
  await expect(page.getByTestId("reason")).toHaveText("Running on local", { timeout: 60_000 });
  return { team, id };
}
