// The browser loses the console and gets it back: what was shown stays, and what happened meanwhile appears.
import { expect, fill, open, test } from "../fixtures.ts";
import { clusterAdmin, emptyDeployment, image, unique } from "../helpers.ts";
import { Line } from "../line.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

test("a live list keeps what it has, says that it reconnects, and catches up", async ({ signedIn: page, baseURL }) => {
  const line = new Line(new URL(String(baseURL)));
  await line.mend();
  const id = await namespace(page);
  const inside = await kubernetesName(page, id);
  const [before, meanwhile] = [unique("before"), unique("meanwhile")];
  await emptyDeployment(before, inside);
  await open(page, line.url(`/kubernetes/${id}/workloads`));
  const row = (name: string) => page.getByRole("link", { name, exact: true });
  await expect(row(before)).toBeVisible();
  await expect(page.getByText("live", { exact: true })).toBeVisible();

  await line.cut();
  await emptyDeployment(meanwhile, inside);
  await expect(page.getByText("reconnecting", { exact: true })).toBeVisible();
  await expect(row(before)).toBeVisible();
  await expect(row(meanwhile)).toBeHidden();

  await line.mend();
  await expect(row(meanwhile)).toBeVisible();
  await expect(page.getByText("live", { exact: true })).toBeVisible();
  await expect(row(before)).toBeVisible();
  await line.cut();
});

test("a workload that one looks at stays, a form says that nobody answers, and what happened meanwhile appears", async ({ signedIn: page, baseURL }) => {
  const line = new Line(new URL(String(baseURL)));
  await line.mend();
  const [id, name] = [await namespace(page), unique("seen")];
  const inside = await kubernetesName(page, id);
  await emptyDeployment(name, inside);
  await open(page, line.url(`/kubernetes/${id}/workloads/deployment/${name}`));
  await expect(page.getByText("live", { exact: true })).toBeVisible();

  await line.cut();
  await expect(page.getByText("reconnecting", { exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Scale" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Pods wanted").fill("2");
  await dialog.getByRole("button", { name: "Scale" }).click();
  await expect(dialog.getByText("The console did not answer. Check your connection and try again")).toBeVisible();
  await expect(dialog.getByLabel("Pods wanted")).toHaveValue("2");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("heading", { name, level: 1 })).toBeVisible();
  await expect(page.getByTestId("reason")).not.toBeEmpty();
  await clusterAdmin(["delete", "deployment", name, "-n", inside]);

  await line.mend();
  await expect(page.getByText("This Deployment is gone")).toBeVisible();
  await line.cut();
});

test("a log stays and begins anew without a line twice; a terminal keeps its screen and says that its shell is new", async ({ signedIn: page, baseURL }) => {
  const line = new Line(new URL(String(baseURL)));
  await line.mend();
  const id = await namespace(page);
  const deployments = `/v1/kubernetes/namespaces/${id}/deployments`;
  const status = async (path: string) => ((await (await page.request.get(path)).json()) as { status: string }).status;
  const data = { name: "away", sku_code: "cpu-shared-8g", replicas: 1, image: await image() };
  expect((await page.request.post(deployments, { data })).status()).toBe(201);
  await expect.poll(() => status(`${deployments}/away`), { timeout: 60_000 }).toBe("running");
  const workload = `/kubernetes/${id}/workloads/deployment/away`;

  await test.step("the log", async () => {
    await open(page, line.url(`${workload}/logs`));
    const log = page.getByRole("log");
    const last = async () => Number((await log.innerText()).match(/tick \d+/g)?.at(-1)?.slice(5) ?? 0);
    // Of the workload, and of its log.
    await expect(page.getByText("live", { exact: true })).toHaveCount(2);
    await expect.poll(last).toBeGreaterThan(0);
    await line.cut();
    await expect(page.getByText("reconnecting", { exact: true })).toHaveCount(2);
    await expect(log.getByText("hello from the container")).toHaveCount(1);
    const before = await last();
    expect(before).toBeGreaterThan(0);
    await line.mend();
    await expect.poll(last).toBeGreaterThan(before);
    await expect(page.getByText("live", { exact: true })).toHaveCount(2);
    for (const text of ["hello from the container", "tick 1", `tick ${before}`]) {
      await expect(log.getByText(text, { exact: true })).toHaveCount(1);
    }
  });

  await test.step("the terminal", async () => {
    await open(page, line.url(`${workload}/terminal`));
    await page.getByRole("button", { name: "Connect" }).click();
    const [state, screen] = [page.getByTestId("terminal-state"), page.locator("remote-terminal")];
    await expect(state).toContainText("Connected");
    await page.keyboard.type("echo before $((6*7))\n");
    await expect(screen).toContainText("before 42");
    await line.cut();
    await expect(state).toContainText("The line broke; opening a new shell");
    await expect(screen).toContainText("before 42");
    await line.mend();
    await expect(state).toContainText("The line broke; this is a new shell");
    await expect(screen).toContainText("before 42");
    await page.keyboard.type("echo after $((7*7))\n");
    await expect(screen).toContainText("after 49");
  });
  await line.cut();
});

test("what is typed while nobody answers stays, is not called checked, and is checked and made once the line is back", async ({ signedIn: page, baseURL }) => {
  const line = new Line(new URL(String(baseURL)));
  await line.mend();
  const id = await namespace(page);
  const [check, verdict] = [page.getByRole("list", { name: "Check" }), page.getByTestId("verdict")];
  const silence = page.getByRole("alert").filter({ hasText: "The console did not answer. Check your connection and try again" });

  /** Presses the button in vain; then the line comes back, the verdict by itself, and the button does what it says. */
  const lostAndFound = async (button: string) => {
    await expect(verdict.getByRole("alert")).toContainText("The console did not answer");
    await expect(verdict).toHaveAttribute("aria-busy", "false");
    await expect(check, "the verdict on what stood there before").toHaveCount(0);
    await page.getByRole("button", { name: button, exact: true }).click();
    await expect(silence, "one of the verdict, one of the button").toHaveCount(2);
    await line.mend();
    await expect(check).toHaveAttribute("data-allowed", "true");
    await expect(silence, "that of the button").toHaveCount(1);
    await expect(verdict.getByRole("alert")).toHaveCount(0);
  };

  await test.step("a plan", async () => {
    await open(page, line.url(`/kubernetes/${id}/deploy`));
    await page.getByRole("radio", { name: /gpu-h100-1x/ }).check();
    await fill(page, { Name: "typed", Image: "registry.example.com/trainer:2", Replicas: "9" });
    await expect(check).toHaveAttribute("data-allowed", "false");
    await line.cut();
    await fill(page, { Replicas: "0" });
    await lostAndFound("Deploy");
    await expect(page.getByRole("radio", { name: /gpu-h100-1x/ })).toBeChecked();
    await expect(page.getByLabel("Name", { exact: true })).toHaveValue("typed");
    await expect(page.getByLabel("Replicas", { exact: true })).toHaveValue("0");
    await page.getByRole("button", { name: "Deploy", exact: true }).click();
    await expect(page).toHaveURL(/\/workloads\/deployment\/typed/);
  });

  await test.step("a manifest", async () => {
    const deployment = (sku: string) => {
      const labels = { app: "pasted", "remotegpu.ai/sku-code": sku };
      const template = { metadata: { labels }, spec: { containers: [{ name: "app", image: "registry.invalid/app:1" }] } };
      const spec = { replicas: 0, selector: { matchLabels: { app: "pasted" } }, template };
      return JSON.stringify({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "pasted" }, spec });
    };
    await open(page, line.url(`/kubernetes/${id}/manifest`));
    await page.getByLabel("Manifest").fill(deployment("no-such-sku"));
    await expect(check).toHaveAttribute("data-allowed", "false");
    await line.cut();
    await page.getByLabel("Manifest").fill(deployment("cpu-shared-8g"));
    await lostAndFound("Apply");
    await expect(page.getByLabel("Manifest")).toHaveValue(deployment("cpu-shared-8g"));
    await page.getByRole("button", { name: "Apply", exact: true }).click();
    await expect(page).toHaveURL(/\/workloads\/deployment\/pasted/);
  });
  await line.cut();
});

test("a page whose code breaks off on its way asks for it again, and works", async ({ signedIn: page, baseURL }) => {
  const line = new Line(new URL(String(baseURL)), undefined, /\.(js|wasm)$/);
  await line.mend();
  await open(page, line.url("/settings/profile"));
  for (const file of ["remotegpu.js", "remotegpu_bg.wasm"]) {
    expect([...line.lost].some((path) => path.endsWith(`/${file}`)), file).toBe(true);
  }
  const first = line.lost.size;
  expect(first).toBeGreaterThan(3);
  await page.getByRole("link", { name: "Kubernetes" }).first().click();
  await expect(page.getByRole("heading", { name: "Kubernetes", level: 1 })).toBeVisible();
  expect(line.lost.size).toBeGreaterThan(first);
  await line.cut();
});
