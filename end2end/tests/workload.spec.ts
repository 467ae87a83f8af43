// A day with one workload: seen live with its price, scaled, given another image, rolled back, edited, restarted, its logs
// read.
import { expect, open, test } from "../fixtures.ts";
import { clusterAdmin } from "../helpers.ts";
import { deployed, kubernetesName } from "../namespaces.ts";

test("a workload is seen live, scaled, changed, rolled back and edited", async ({ signedIn: page }) => {
  const { team, id } = await deployed(page, "demo");
  const pods = page.getByTestId("pod");

  await test.step("what it costs an hour, and so far: more each second", async () => {
    // The figure, then the note below it.
    const readout = (label: string) => page.locator("dl > div").filter({ has: page.getByText(label, { exact: true }) }).locator("dd");
    await expect(readout("Price now")).toHaveText(["€0.06/h", "€1.44 a day"]);
    const cost = async () => Number((await readout("Cost so far").first().innerText()).replace(/^€/, ""));
    await expect.poll(cost).toBeGreaterThan(0);
    const before = await cost();
    await expect.poll(cost).toBeGreaterThan(before);
    await expect(page.getByTestId("running-for")).toHaveText(/for \d+ (s|min), €\d+\.\d+ so far/);
  });

  await test.step("the same in a shell", async () => {
    const commands = page.getByText(/exec -it deployment\/demo -- sh/);
    await expect(commands).toContainText("port-forward deployment/demo 8080:80");
    await expect(commands).toContainText(/kubectl -n team-[0-9a-f]{8}-[0-9a-f]{8} exec/);
  });

  await test.step("scale it to two pods", async () => {
    await page.getByRole("link", { name: "Scale" }).click();
    await page.getByLabel("Pods wanted").fill("2");
    await page.getByRole("button", { name: "Scale" }).click();
    await expect(page.getByText("demo is changed; its pods follow")).toBeVisible();
    await page.getByRole("button", { name: "Undo" }).click();
    await expect(page.getByRole("button", { name: "Undo" })).toHaveCount(0);
    const workload = `/v1/kubernetes/namespaces/${id}/workloads/deployment/demo`;
    await expect.poll(async () => (await (await page.request.get(workload)).json()).workload.wanted).toBe(1);
    await page.getByRole("link", { name: "Scale" }).click();
    await page.getByLabel("Pods wanted").fill("2");
    await page.getByRole("button", { name: "Scale" }).click();
    await expect(pods.getByText("Running", { exact: true })).toHaveCount(2, { timeout: 60_000 });
  });

  await test.step("the logs of both pods in one view, then of one", async () => {
    await page.getByRole("link", { name: "Logs", exact: true }).click();
    const log = page.getByRole("log");
    await expect(log.getByText("hello from the container")).toHaveCount(2);
    await page.getByLabel("Find in log").fill("hello");
    await expect(page.getByTestId("lines")).toHaveText(/^2 of \d+ lines$/);
    await page.getByLabel("Find in log").fill("");
    const choice = page.getByLabel("Pod", { exact: true });
    await choice.selectOption({ index: 1 });
    await expect(log.getByText("hello from the container")).toHaveCount(1);
    const started = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download" }).click();
    expect((await started).suggestedFilename()).toMatch(/^demo-.*\.log$/);
  });

  await test.step("another image, then back to the first", async () => {
    await open(page, `/kubernetes/${id}/workloads/deployment/demo`);
    await page.getByRole("link", { name: "Change image" }).click();
    await page.getByRole("dialog").getByLabel("Image", { exact: true }).fill("localhost/remotegpu-none:1");
    await page.getByRole("button", { name: "Change image" }).click();
    await expect(page.getByText("The image cannot be pulled").first()).toBeVisible({ timeout: 60_000 });
    await page.getByRole("link", { name: "Roll back" }).click();
    await expect(page.getByTestId("revision")).toHaveCount(2);
    await page.getByRole("button", { name: "Roll back to 1" }).click();
    await expect(page.getByTestId("reason")).toHaveText("Running on local", { timeout: 60_000 });
  });

  await test.step("edit it as YAML: first the difference, then the change", async () => {
    // The rollout goes on meanwhile: what a controller writes about it is nobody's edit.
    await page.getByRole("link", { name: "YAML" }).click();
    await page.getByRole("link", { name: "Edit" }).click();
    const text = page.getByRole("textbox", { name: "Manifest" });
    const yaml = await text.inputValue();
    await text.fill(yaml.replace("replicas: 2", "replicas: 1"));
    await page.getByRole("button", { name: "Show changes" }).click();
    await expect(page.getByRole("region", { name: "Changes" })).toContainText("replicas: 1");
    await page.getByRole("button", { name: "Apply" }).click();
    await expect(page.getByText("demo is changed; its pods follow")).toBeVisible();
    await expect(pods).toHaveCount(1, { timeout: 60_000 });
  });

  await test.step("restart it: another pod takes the place of each", async () => {
    type Detail = { workload: { status: string; pods: { name: string }[] } };
    const names = async () => {
      const reply = await page.request.get(`/v1/kubernetes/namespaces/${id}/workloads/deployment/demo`);
      const { status, pods } = ((await reply.json()) as Detail).workload;
      return [status, ...pods.map(({ name }) => name)].join(" ");
    };
    await expect(page.getByTestId("reason")).toHaveText("Running on local", { timeout: 60_000 });
    const before = await pods.getByRole("link").innerText();
    await expect.poll(names, { timeout: 60_000 }).toBe(`running ${before}`);
    await page.getByRole("link", { name: "Restart" }).click();
    const dialog = page.getByRole("dialog", { name: "Restart demo" });
    await expect(dialog).toContainText("Every pod is replaced by a new one");
    await dialog.getByRole("button", { name: "Restart" }).click();
    await expect(page.getByText("demo restarts, one pod after the other")).toBeVisible();
    await expect(dialog).toHaveCount(0);
    await expect(pods.getByRole("link", { name: before, exact: true })).toHaveCount(0, { timeout: 60_000 });
    await expect(pods).toHaveCount(1, { timeout: 60_000 });
    await expect(pods.getByText("Running", { exact: true })).toBeVisible({ timeout: 60_000 });
    const annotations = "jsonpath={.spec.template.metadata.annotations}";
    const within = ["-n", await kubernetesName(page, id), "-o", annotations];
    expect(await clusterAdmin(["get", "deployment", "demo", ...within])).toContain("kubectl.kubernetes.io/restartedAt");
  });

  await test.step("a pod has a page of its own", async () => {
    await pods.getByRole("link").click();
    await expect(page).toHaveURL(/\/workloads\/pod\/demo-/);
    await expect(page.getByTestId("owners")).toHaveText(/^made by ReplicaSet demo-\S+ of Deployment demo$/);
    await expect(page.getByTestId("container")).toHaveCount(1);
    await expect(page.getByTestId("event").first()).toBeVisible();
    await expect(page.getByRole("button", { name: "Scale" })).toBeDisabled();
  });

  await test.step("the path above the name leads back, part by part", async () => {
    const path = page.getByRole("navigation", { name: "Breadcrumb" });
    await expect(path.getByRole("link")).toHaveText(["Kubernetes", team]);
    await path.getByRole("link", { name: team }).click();
    await expect(page).toHaveURL(new RegExp(`/kubernetes/${id}/workloads$`));
    await expect(page.getByRole("heading", { name: team, level: 1 })).toBeVisible();
    await expect(page.getByRole("link", { name: "demo", exact: true })).toBeVisible();
    await expect(path.getByRole("link")).toHaveText(["Kubernetes"]);
    await path.getByRole("link", { name: "Kubernetes" }).click();
    await expect(page).toHaveURL(/\/kubernetes$/);
    await expect(page.getByRole("heading", { name: "Kubernetes", level: 1 })).toBeVisible();
    await expect(path).toHaveCount(0);
  });

  await test.step("the list is filtered by kind and by text", async () => {
    await open(page, `/kubernetes/${id}/workloads`);
    await expect(page.getByRole("link", { name: "demo", exact: true })).toBeVisible();
    await page.getByRole("link", { name: "Jobs", exact: true }).click();
    await expect(page.getByText("Nothing fits the filter")).toBeVisible();
    await open(page, `/kubernetes/${id}/workloads?q=DEM`);
    await expect(page.getByRole("link", { name: "demo", exact: true })).toBeVisible();
  });

  await test.step("what is ticked in the list goes with one confirmation", async () => {
    await open(page, `/kubernetes/${id}/workloads`);
    await expect(page.getByRole("button", { name: "Delete selected" })).toBeHidden();
    await page.getByRole("checkbox", { name: "Select demo" }).check();
    await page.getByRole("button", { name: "Delete selected" }).click();
    const dialog = page.getByRole("dialog", { name: "Delete 1 workload" });
    await expect(dialog.getByText("deployment/demo")).toBeVisible();
    const remove = dialog.getByRole("button", { name: "Delete 1 workload" });
    await expect(remove).toBeDisabled();
    await expect(remove).toHaveAttribute("title", "Type demo to confirm");
    await dialog.getByLabel("Type demo to confirm").fill("dem");
    await expect(remove).toBeDisabled();
    await dialog.getByLabel("Type demo to confirm").fill("demo");
    await remove.click();
    await expect(page.getByText("Being deleted with all pods: 1 workload")).toBeVisible();
    await expect(page.getByRole("link", { name: "demo", exact: true })).toHaveCount(0, { timeout: 60_000 });
  });
});
