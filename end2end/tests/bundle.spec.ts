// What the browser is sent, searched byte by byte: every file of the site that this console serves.
import { expect, open, test } from "../fixtures.ts";

/** Each file of the browser's half, by the list that the loader of lazy pages reads. */
async function files(pkg: string, get: (url: string) => Promise<string>): Promise<Map<string, string>> {
  const manifest: Record<string, string[]> = JSON.parse(await get(`${pkg}/__wasm_split_manifest.json`));
  const chunks = [...new Set(Object.values(manifest).flat())].map((name) => `${name}.wasm`);
  const found = new Map<string, string>();
  for (const name of ["remotegpu.js", "remotegpu_bg.wasm", "remotegpu.css", ...chunks]) {
    found.set(name, await get(`${pkg}/${name}`));
  }
  return found;
}

test("what the browser is sent holds no server code, no secret and no address within", async ({ page, baseURL }) => {
  await open(page, "/login");
  const script = await page.locator('link[rel="modulepreload"]').first().getAttribute("href");
  const pkg = new URL(String(script), baseURL).href.replace(/\/[^/]*$/, "");
  const get = async (url: string) => {
    const answer = await page.request.get(url);
    expect(answer.status(), url).toBe(200);
    return (await answer.body()).toString("latin1");
  };
  const sent = await files(pkg, get);
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
