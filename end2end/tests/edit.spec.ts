// Two people at one object: the slower one is told so, overwrites nothing, and keeps what was typed.
import { expect, hydrated, join, open, test, type Page } from "../fixtures.ts";
import { clusterAdmin, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

const IMAGE = "registry.invalid/app";

// What the slower one sends is refused.
test.use({ refusals: true });

const manifest = (page: Page) => page.getByRole("textbox", { name: "Manifest" });

/** Another image in the open editor, as far as the difference; gives what is typed then. */
async function typed(page: Page, tag: string): Promise<string> {
  await expect(manifest(page)).toHaveValue(/image: registry\.invalid\/app:/);
  const yaml = (await manifest(page).inputValue()).replace(/(image: registry\.invalid\/app:)\S+/, `$1${tag}`);
  await manifest(page).fill(yaml);
  await page.getByRole("button", { name: "Show changes" }).click();
  await expect(page.getByRole("region", { name: "Changes" })).toContainText(`image: ${IMAGE}:${tag}`);
  return yaml;
}

test("of two people who edit one workload the second is told, and loses nothing of what was typed", async ({ signedIn: first, browser }) => {
  const id = await namespace(first);
  const route = `/v1/kubernetes/namespaces/${id}`;
  const data = { name: "shared", sku_code: "cpu-shared-8g", replicas: 0, image: `${IMAGE}:old` };
  expect((await first.request.post(`${route}/deployments`, { data })).status()).toBe(201);
  const known = async () => (await first.request.get(`${route}/workloads/deployment/shared`)).status();
  await expect.poll(known).toBe(200);
  const get = ["get", "deployment", "shared", "-n", await kubernetesName(first, id)];
  const image = () => clusterAdmin([...get, "-o", "jsonpath={.spec.template.spec.containers[0].image}"]);

  const invited = { email: `${unique("second")}@example.com`, role: "member" };
  const { link } = (await (await first.request.post("/v1/invitations", { data: invited })).json()) as { link: string };
  const second = await (await browser.newContext()).newPage();
  await join(second, link);
  const editor = `/kubernetes/${id}/workloads/deployment/shared/yaml?edit=yes`;
  await open(first, editor);
  await open(second, editor);
  const told = second.getByText(/^Somebody changed this meanwhile/);
  const done = "shared is changed; its pods follow";

  const mine = await test.step("both see their difference, and the first applies it", async () => {
    const mine = await typed(second, "second");
    await typed(first, "first");
    await first.getByRole("button", { name: "Apply" }).click();
    await expect(first.getByText(done)).toBeVisible();
    expect(await image()).toBe(`${IMAGE}:first`);
    return mine;
  });

  await test.step("the second is told, the first one's change stands, and so does what the second typed", async () => {
    await second.getByRole("button", { name: "Apply" }).click();
    await expect(told).toBeVisible();
    await expect(manifest(second)).toHaveValue(mine);
    expect(await image()).toBe(`${IMAGE}:first`);
  });

  await test.step("the same is said before any difference is shown", async () => {
    await second.getByRole("button", { name: "Show changes" }).click();
    await expect(second.getByRole("region", { name: "Changes" })).toHaveCount(0);
    await expect(told).toBeVisible();
    await expect(manifest(second)).toHaveValue(mine);
  });

  await test.step("in a window of its own the second begins with the first one's change", async () => {
    const opened = second.context().waitForEvent("page");
    await second.getByRole("link", { name: "Edit what is there now in a new window" }).click();
    const fresh = await opened;
    await hydrated(fresh);
    await expect(manifest(fresh)).toHaveValue(new RegExp(`image: ${IMAGE}:first`));
    await typed(fresh, "second");
    await fresh.getByRole("button", { name: "Apply" }).click();
    await expect(fresh.getByText(done)).toBeVisible();
    expect(await image()).toBe(`${IMAGE}:second`);
    await expect(manifest(second)).toHaveValue(mine);
  });
  await second.context().close();
});
