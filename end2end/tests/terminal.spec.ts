// A shell in the browser: opened, used, left, opened again; nothing in the console, nothing against the page's policy.
import { expect, open, test } from "../fixtures.ts";
import { image } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

test("a terminal opens in a container, says what it is told, and says when it is over", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const deployments = `/v1/kubernetes/namespaces/${id}/deployments`;
  const status = async (path: string) => ((await (await page.request.get(path)).json()) as { status: string }).status;
  const data = { name: "shell", sku_code: "cpu-shared-8g", replicas: 1, image: await image() };
  expect((await page.request.post(deployments, { data })).status()).toBe(201);
  await expect.poll(() => status(`${deployments}/shell`), { timeout: 60_000 }).toBe("running");

  await open(page, `/kubernetes/${id}/workloads/deployment/shell`);
  await page.getByRole("link", { name: "Terminal" }).click();
  await expect(page.locator("script[data-terminal]")).toHaveCount(1);
  await page.getByRole("button", { name: "Connect" }).click();
  const state = page.getByTestId("terminal-state");
  await expect(state).toContainText("Connected");
  const screen = page.locator("remote-terminal");

  await test.step("the shell answers, and follows the size of the window", async () => {
    await page.keyboard.type("echo answer $((6*7))\n");
    await expect(screen).toContainText("answer 42");
    await page.keyboard.type("printf '\\033[38;2;250;240;0mpale %s\\033[0m\\n' $((2+2))\n");
    await expect(screen).toContainText("pale 4");
    await page.setViewportSize({ width: 390, height: 800 });
    await page.keyboard.type("until [ $(busybox stty size | busybox cut -d' ' -f2) -lt 60 ]; do sleep 0.1; done; echo narrow $((1+1))\n");
    await expect(screen).toContainText("narrow 2");
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  await test.step("the keyboard gets out of it by F6", async () => {
    await page.keyboard.press("F6");
    await expect(page.getByRole("button", { name: "Connect again" })).toBeFocused();
    await screen.getByRole("textbox").focus();
  });

  await test.step("left and opened again", async () => {
    await page.keyboard.type("exit\n");
    await expect(state).toContainText("The shell has ended");
    await page.getByRole("button", { name: "Connect again" }).click();
    await expect(state).toContainText("Connected");
    await page.keyboard.type("echo again $((7*7))\n");
    await expect(screen).toContainText("again 49");
  });

  await test.step("an image without the shell says so", async () => {
    await page.getByLabel("Shell", { exact: true }).selectOption("bash");
    await page.getByRole("button", { name: "Connect again" }).click();
    await expect(state).toContainText("No shell could be started");
  });
});
