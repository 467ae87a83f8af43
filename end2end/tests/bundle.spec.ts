// What the browser is sent, searched byte by byte: every file of the site that this console serves; and which pages ask
// for the parts that few of them need.
import { expect, open, test, type Page } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

/** Each file of the browser's half, by the list that the loader of lazy pages reads. */
async function files(page: Page): Promise<Map<string, string>> {
  const script = await page.locator('link[rel="preload"][href$="/remotegpu.js"]').getAttribute("href");
  const pkg = new URL(String(script), page.url()).href.replace(/\/[^/]*$/, "");
  const get = async (name: string) => {
    const answer = await page.request.get(`${pkg}/${name}`);
    expect(answer.status(), name).toBe(200);
    return (await answer.body()).toString("latin1");
  };
  const manifest: Record<string, string[]> = JSON.parse(await get("__wasm_split_manifest.json"));
  const chunks = [...new Set(Object.values(manifest).flat())].map((name) => `${name}.wasm`);
  const found = new Map<string, string>();
  for (const name of ["remotegpu.js", "remotegpu_bg.wasm", "remotegpu.css", ...chunks]) {
    found.set(name, await get(name));
  }
  return found;
}

test("what the browser is sent holds no server code, no secret and no address within", async ({ page, baseURL }) => {
  await open(page, "/login");
  const sent = await files(page);
  expect(sent.size, "the main part and its lazy pages").toBeGreaterThan(10);
  expect(sent.get("remotegpu_bg.wasm"), "the search sees the text of pages").toContain("RemoteGPU");

  const secrets = [process.env.REMOTEGPU_ADMIN_PASSWORD, process.env.REMOTEGPU_ADMIN_EMAIL].filter(Boolean);
  const machine = [process.env.HOME, "/.cargo/registry", "/rustup/toolchains"].filter((path) => path && path !== "/");
  const within = [new URL(String(baseURL)).host, "127.0.0.1", "svc.cluster.local"];
  const server = ["INSERT INTO", "sqlx", "REMOTEGPU_PEPPER", "REMOTEGPU_DATABASE"];
  for (const [name, text] of sent) {
    for (const needle of [...secrets, ...machine, ...within, ...server]) {
      expect(text.includes(String(needle)), `${needle} stands in ${name}`).toBe(false);
    }
  }
});

test("only pages that show a terminal or charts ask for them", async ({ signedIn: page }) => {
  const [id, name] = [await namespace(page), unique("look")];
  await emptyDeployment(name, await kubernetesName(page, id));
  const workload = `/kubernetes/${id}/workloads/deployment/${name}`;

  await open(page, "/");
  const sent = [...(await files(page))].filter(([file]) => file.endsWith(".wasm"));
  const holding = (text: string) => sent.filter(([, content]) => content.includes(text)).map(([file]) => file);
  // What each kind of chart draws and nothing else does. The lines are a part of their own, that of the tab with them;
  // the bars come with the page of the sums. The terminal has files of its own.
  const [lines, bars] = [holding("M0 39.5h240"), holding("fill-series-1")];
  for (const [kind, parts] of Object.entries({ lines, bars })) {
    expect(parts, `a part draws ${kind}`).not.toEqual([]);
    expect(parts, `${kind} are not for every page`).not.toContain("remotegpu_bg.wasm");
  }

  const asked = new Set<string>();
  page.on("request", (request) => asked.add(new URL(request.url()).pathname));
  const askedFor = (end: string) => [...asked].some((path) => path.startsWith("/pkg/") && path.endsWith(`/${end}`));
  const asks = () => ({
    terminal: ["terminal/terminal.js", "terminal/xterm.mjs", "terminal/xterm.css"].some(askedFor),
    lines: lines.some(askedFor),
    bars: bars.some(askedFor),
  });
  const shows = async (path: string) => {
    asked.clear();
    await open(page, path);
  };

  const nothing = { terminal: false, lines: false, bars: false };
  const within = ["workloads", "deploy", "manifest", "config", "settings"].map((name) => `/kubernetes/${id}/${name}`);
  const elsewhere = ["/usage/records", "/usage/budgets", "/engines", "/platform/nodes", workload, `${workload}/logs`];
  for (const path of ["/", "/kubernetes", "/catalogue", "/settings/api-keys", ...within, ...elsewhere]) {
    await shows(path);
    expect(asks(), path).toEqual(nothing);
  }
  await shows("/usage");
  expect(asks(), "usage").toEqual({ ...nothing, bars: true });
  await shows(`${workload}/metrics`);
  expect(asks(), "metrics").toEqual({ ...nothing, lines: true });
  await shows(`${workload}/yaml`);
  expect(asks(), "another tab").toEqual(nothing);
  await page.getByRole("link", { name: "Metrics", exact: true }).click();
  await expect.poll(asks, "the tab, opened from another").toEqual({ ...nothing, lines: true });
  await shows(`${workload}/terminal`);
  await expect.poll(() => askedFor("terminal/xterm.mjs"), "its own tab asks for the terminal").toBe(true);
});
