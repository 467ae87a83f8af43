// Plain forms work without JavaScript: sign in, namespaces, deploy, rename, delete, sign out.
import { expect, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { newest } from "../namespaces.ts";

test("a person without JavaScript can sign in, make a namespace, deploy, rename, delete and sign out", async ({ page, person }) => {
  const name = unique("plain");
  await page.goto("/kubernetes");
  await expect(page).toHaveURL(/\/login/);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/kubernetes$/);

  await page.goto("/kubernetes?new=namespace");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create namespace" }).click();
  await expect(page).toHaveURL(/\/kubernetes\/[0-9a-f-]{36}\/access/);
  await page.goto(await newest(page));
  await page.getByRole("link", { name, exact: true }).click();
  await expect(page).toHaveURL(/\/kubernetes\/[0-9a-f-]{36}/);
  const id = new URL(page.url()).pathname.split("/")[2]!;
  const status = async () => ((await (await page.request.get(`/v1/kubernetes/namespaces/${id}`)).json()) as { status: string }).status;
  await expect.poll(status, { timeout: 60_000 }).toBe("active");

  await page.goto(`/kubernetes/${id}/deploy`);
  await page.getByRole("radio", { name: /gpu-h100-1x/ }).check();
  await page.getByLabel("Name", { exact: true }).fill("plain");
  await page.getByLabel("Image").fill("localhost/anything:1");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await expect(page).toHaveURL(/\/workloads\/deployment\/plain/);
  await expect(page.getByRole("heading", { name: "plain" })).toBeVisible();

  await page.goto("/catalogue");
  await expect(page.getByText("gpu-h100-1x").first()).toBeVisible();
  await page.goto("/settings/api-keys");
  await expect(page.getByRole("heading", { name: "API keys" })).toBeVisible();

  await page.goto(`/kubernetes/${id}/workloads/deployment/plain`);
  await page.getByRole("link", { name: "Delete", exact: true }).click();
  await page.getByLabel("Type plain to confirm").fill("plain");
  await page.getByRole("button", { name: "Delete deployment" }).click();
  await expect(page).toHaveURL(/\/workloads(\?.*)?$/);

  const renamed = unique("plainer");
  await page.goto(`/kubernetes/${id}/settings`);
  await page.getByLabel("Console name").fill(renamed);
  await page.getByRole("button", { name: "Rename" }).click();
  await expect(page.getByRole("heading", { name: renamed, level: 1 })).toBeVisible();
  await page.getByRole("link", { name: "Delete namespace" }).click();
  await page.getByLabel(`Type ${renamed} to confirm`).fill(renamed);
  await page.getByRole("button", { name: "Delete namespace" }).click();
  await expect(page).toHaveURL(/\/kubernetes(\?.*)?$/);

  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/login/);
});
