// The first page: what runs and what is free, also for somebody who comes back to it from a shell.
import { expect, open, test } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

test("the first page says what is free, and what happened while one was away", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const name = unique("away");
  await open(page, "/");
  await expect(page.getByText(/\d+ of \d+ H100 80 GB/)).toBeVisible();
  const row = page.getByRole("region", { name: "Running work" }).getByRole("link", { name, exact: true });
  await expect(row).toHaveCount(0);
  await emptyDeployment(name, await kubernetesName(page, id));
  // The console hears of it by its watch: a moment later.
  const back = async () => {
    await page.evaluate(() => window.dispatchEvent(new Event("focus")));
    return row.count();
  };
  await expect.poll(back).toBe(1);
});

test("the first steps of an empty account are ticked off as they happen", async ({ page, person, request, playwright, baseURL }) => {
  expect((await request.post("/v1/auth/login", { data: person })).ok()).toBe(true);
  const data = { name: unique("fresh"), owner_email: `${unique("fresh")}@example.com` };
  const account = await request.post("/v1/platform/accounts", { data });
  const { invitation } = (await account.json()) as { invitation: { link: string } };
  await open(page, new URL(invitation.link).pathname);
  await page.getByLabel("Password").fill("a-password-for-tests");
  await page.getByRole("button", { name: "Join" }).click();
  await expect(page).toHaveURL(/\/$/);

  const steps = page.getByRole("region", { name: "First steps" });
  const [next, done] = [steps.getByRole("link"), steps.getByText("Done", { exact: true })];
  await open(page, "/");
  await expect(steps.getByRole("listitem")).toHaveCount(4);
  await expect(done).toHaveCount(0);
  await expect(next).toHaveText("New namespace");

  // From here on nobody touches the page: it is neither opened again nor given the focus back.
  const id = await namespace(page);
  await expect(done).toHaveCount(1, { timeout: 60_000 });
  await expect(next).toHaveText("New API key");

  const made = await page.request.post("/v1/api-keys", { data: { name: "laptop", scopes: { all: true } } });
  const { key } = (await made.json()) as { key: string };
  await expect(done).toHaveCount(2, { timeout: 60_000 });
  await expect(next).toHaveText("Get access");

  const kubectl = await playwright.request.newContext({ baseURL, extraHTTPHeaders: { "x-api-key": key } });
  const used = await kubectl.post(`/v1/kubernetes/namespaces/${id}/exec-credential`);
  expect(used.ok(), await used.text()).toBe(true);
  await kubectl.dispose();
  await expect(done).toHaveCount(3, { timeout: 60_000 });
  await expect(next).toHaveText("Deploy");

  await emptyDeployment("first", await kubernetesName(page, id));
  const work = page.getByRole("region", { name: "Running work" });
  await expect(work.getByRole("link", { name: "first", exact: true })).toBeVisible({ timeout: 60_000 });
  await expect(steps).toHaveCount(0);
});
