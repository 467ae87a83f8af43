// Lighthouse over the pages people live in: accessibility and best practices are held, performance is only told.
import { createServer, type AddressInfo } from "node:net";
import { chromium } from "@playwright/test";
import lighthouse from "lighthouse";
import { expect, test, type Page } from "../fixtures.ts";
import { unique } from "../helpers.ts";
import { namespace } from "../namespaces.ts";

const HELD = ["accessibility", "best-practices"];
const AT_LEAST = 95;

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Lighthouse's own word for "nothing was measured, run it again": on a busy machine the browser's trace comes too late. */
const AGAIN = "NO_NAVSTART";

/** A browser of its own, which Lighthouse drives itself; `cookie` signs it in. */
async function look(url: string, cookie: string) {
  const seen = await measure(url, cookie);
  return seen?.runtimeError?.code === AGAIN ? ((await measure(url, cookie)) ?? seen) : seen!;
}

async function measure(url: string, cookie: string) {
  const port = await freePort();
  const { executablePath, args = [] } = test.info().project.use.launchOptions ?? {};
  const browser = await chromium.launch({ executablePath, args: [...args, `--remote-debugging-port=${port}`] });
  try {
    const found = await lighthouse(url, {
      port,
      logLevel: "error",
      onlyCategories: [...HELD, "performance"],
      extraHeaders: cookie ? { Cookie: cookie } : undefined,
      disableStorageReset: true,
      formFactor: "desktop",
      screenEmulation: { disabled: true },
      // As fast as this machine is: a simulated telephone would measure the simulation.
      throttlingMethod: "provided",
      // The machine's own network is quiet sooner than the world's; live lists keep theirs open for good.
      networkQuietThresholdMs: 1000,
    });
    return found?.lhr;
  } finally {
    await browser.close();
  }
}

async function holds(page: Page, path: string, signedIn = true): Promise<void> {
  const cookies = signedIn ? await page.context().cookies() : [];
  const url = new URL(path, test.info().project.use.baseURL).href;
  const seen = await look(url, cookies.map(({ name, value }) => `${name}=${value}`).join("; "));
  expect(seen.runtimeError, url).toBeUndefined();
  expect(new URL(seen.finalDisplayedUrl).pathname, "the page itself, not the one to sign in").toBe(new URL(url).pathname);
  const points = (name: string) => Math.round((seen.categories[name]?.score ?? 0) * 100);
  console.log(`lighthouse ${new URL(url).pathname}: ${Object.keys(seen.categories).map((n) => `${n} ${points(n)}`).join(", ")}`);
  for (const name of HELD) {
    const counted = seen.categories[name]!.auditRefs.filter((ref) => ref.weight > 0).map((ref) => seen.audits[ref.id]!);
    const missed = counted.filter((audit) => audit.score !== null && audit.score < 1).map((audit) => audit.id);
    expect(points(name), `${name} of ${path}: ${missed.join(", ")}`).toBeGreaterThanOrEqual(AT_LEAST);
  }
}

test("lighthouse: the page to sign in", async ({ page }) => holds(page, "/login", false));

for (const path of ["/", "/kubernetes", "/catalogue", "/usage"]) {
  test(`lighthouse: ${path}`, async ({ signedIn: page }) => holds(page, path));
}

test("lighthouse: what runs, one deployment, the wizard", async ({ signedIn: page }) => {
  const [id, name] = [await namespace(page), unique("seen")];
  // Simulated: nothing is pulled.
  const data = { name, sku_code: "gpu-h100-1x", replicas: 1, image: "registry.invalid/app:1" };
  const made = await page.request.post(`/v1/kubernetes/namespaces/${id}/deployments`, { data });
  expect(made.status(), await made.text()).toBe(201);
  for (const tab of ["workloads", `workloads/deployment/${name}`, "deploy"]) await holds(page, `/kubernetes/${id}/${tab}`);
  await page.request.delete(`/v1/kubernetes/namespaces/${id}/deployments/${name}`);
});
