// Logs that are long, wide or over: of 20,000 lines only what is seen is in the page, and all of it can be searched and
// scrolled to; a line of a megabyte comes in pieces; the run before a restart can still be read.
import { expect, open, test, type Page } from "../fixtures.ts";
import { clusterAdmin, image } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

/** A Deployment of one pod that runs this program. */
async function running(page: Page, id: string, name: string, program: string): Promise<void> {
  const deployments = `/v1/kubernetes/namespaces/${id}/deployments`;
  const status = async () => ((await (await page.request.get(`${deployments}/${name}`)).json()) as { status: string }).status;
  const data = { name, sku_code: "cpu-shared-8g", replicas: 1, image: await image(), command: ["/bin/sh", "-c", program] };
  expect((await page.request.post(deployments, { data })).status()).toBe(201);
  await expect.poll(status, { timeout: 60_000 }).toBe("running");
}

test("a log of 20,000 lines stays light, is searched whole, and is scrolled to its start", async ({ signedIn: page }) => {
  const id = await namespace(page);
  const program = "n=0; while [ $n -lt 20000 ]; do n=$((n+1)); echo line $n; done; while :; do sleep 1; done";
  await running(page, id, "long", program);

  await open(page, `/kubernetes/${id}/workloads/deployment/long/logs`);
  await page.getByLabel("How much").selectOption("100000");
  const log = page.getByRole("log");
  const lines = page.getByTestId("lines");
  await expect(lines).toHaveText("20 000 lines", { timeout: 60_000 });
  await expect(log.getByText("line 20000", { exact: true })).toBeVisible();
  expect(await log.locator("> *").count()).toBeLessThan(200);

  await page.getByLabel("Find in log").fill("line 19999");
  await expect(lines).toHaveText("1 of 20 000 lines");
  await expect(log.getByText("line 19999", { exact: true })).toBeVisible();
  await page.getByLabel("Find in log").fill("");

  await log.focus();
  await page.keyboard.press("Home");
  await expect(page.getByLabel("Follow")).not.toBeChecked();
  await expect(log.getByText("line 1", { exact: true })).toBeVisible();
  await expect(log.getByText("line 20000", { exact: true })).toHaveCount(0);
  expect(await log.locator("> *").count()).toBeLessThan(200);
});

test("a line of a megabyte is drawn in pieces, wrapped or not, and the run before a restart can be read", async ({ signedIn: page }) => {
  const [id, width] = [await namespace(page), 1_000_000];
  // Each run says another word, and ends when it is told to.
  const program =
    "trap 'exit 3' TERM; echo run $(busybox cat /proc/sys/kernel/random/uuid); " +
    `busybox head -c ${width} /dev/zero | busybox tr '\\0' '#'; echo; echo after; ` +
    "while :; do sleep 1 & wait $!; done";
  await running(page, id, "wide", program);
  const route = `/v1/kubernetes/namespaces/${id}`;
  type Detail = { workload: { status: string; restarts: number; pods: { name: string }[] } };
  const workload = async () => ((await (await page.request.get(`${route}/workloads/deployment/wide`)).json()) as Detail).workload;
  const pod = (await workload()).pods[0]!.name;
  const said = async (query: string) => (await page.request.get(`${route}/pods/${pod}/logs?${query}`)).text();
  await expect.poll(() => said("tail=1"), { timeout: 60_000 }).toBe("after\n");

  const [log, lines] = [page.getByRole("log"), page.getByTestId("lines")];
  // Podman (4.3) may lose the end of a line before one that it keeps in pieces: then both are one.
  const run = async () => ((await log.textContent()) ?? "").match(/run ([0-9a-f-]{36})/)?.[1] ?? "";
  const all = /^1[78] lines$/;
  const [wrap, previous] = [page.getByLabel("Wrap", { exact: true }), page.getByLabel("Previous run", { exact: true })];
  const logs = `/kubernetes/${id}/workloads/deployment/wide/logs`;

  const first = await test.step("the whole line is there, in pieces of 64 KiB", async () => {
    await open(page, logs);
    // Sixteen pieces, after the first line and before the last.
    await expect(lines).toHaveText(all, { timeout: 60_000 });
    const drawn = () => log.evaluate((log) => (log.textContent ?? "").split("#").length - 1);
    await expect.poll(drawn).toBe(width);
    expect(await run()).not.toBe("");
    return run();
  });

  await test.step("the page answers keys, and only the log is as wide as its lines", async () => {
    const place = () =>
      log.evaluate(({ scrollTop, scrollHeight, clientHeight, scrollWidth, clientWidth }) => ({
        start: scrollTop === 0,
        // To the line.
        end: scrollTop + clientHeight > scrollHeight - 20,
        wide: scrollWidth > clientWidth,
      }));
    const pageIsWide = () => page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    await expect(wrap).toBeChecked();
    await expect.poll(place).toEqual({ start: false, end: true, wide: false });
    await log.focus();
    await page.keyboard.press("Home");
    await expect(page.getByLabel("Follow")).not.toBeChecked();
    await expect.poll(place).toEqual({ start: true, end: false, wide: false });
    await wrap.uncheck();
    await expect.poll(async () => (await place()).wide).toBe(true);
    expect(await pageIsWide()).toBe(false);
    await page.getByLabel("Find in log").fill("after");
    await expect(lines).toHaveText(/^1 of 1[78] lines$/);
    await page.getByLabel("Find in log").fill("");
    await wrap.check();
    await expect.poll(async () => (await place()).wide).toBe(false);
    expect(await pageIsWide()).toBe(false);
  });

  await test.step("the container ends and runs again, and the open log goes on with the new run", async () => {
    const end = ["-n", await kubernetesName(page, id), "exec", pod, "--", "/bin/sh", "-c", "kill 1"];
    // The program ends, and this command may end with it.
    await clusterAdmin(end).catch(() => "");
    const again = async () => {
      const { status, restarts } = await workload();
      return `${status}, ${restarts} restart`;
    };
    await expect.poll(again, { timeout: 60_000 }).toBe("running, 1 restart");
    for (const run of ["previous=true&tail=1", "tail=1"]) {
      await expect.poll(() => said(run), { message: run, timeout: 60_000 }).toBe("after\n");
    }
    await expect(page.getByTestId("restart")).toHaveText(/Container restarted after exit code 3 at \d{4}-\d\d-\d\d \d\d:\d\d UTC/, {
      timeout: 60_000,
    });
    const runs = async () => ((await log.textContent()) ?? "").match(/run [0-9a-f-]{36}/g)?.length;
    await expect.poll(runs, { timeout: 60_000 }).toBe(2);
    await expect(log.getByText("after", { exact: true })).toHaveCount(2);
    expect(await run()).toBe(first);
  });

  await test.step("what it says now, what the run before said, and back", async () => {
    await open(page, logs);
    await expect(lines).toHaveText(all, { timeout: 60_000 });
    const second = await run();
    expect(["", first]).not.toContain(second);
    await previous.check();
    await expect(log.getByText("This is the whole log of the run before the last restart.")).toBeVisible();
    await expect.poll(run).toBe(first);
    await previous.uncheck();
    await expect.poll(run).toBe(second);
    await expect(log.getByText("This is the whole log")).toHaveCount(0);
  });
});
