// A real browser beside the programs that `cargo xtask bench live` measures with (server/benches/access/browser.rs). What
// to do comes as JSON in REMOTEGPU_TEST_PLAN; what was seen is printed, a line of JSON each.
import { chromium } from "@playwright/test";

const plan = JSON.parse(process.env.REMOTEGPU_TEST_PLAN);
const say = (seen) => console.log(JSON.stringify(seen));

/** Opens the page and gives how long it took until its handlers existed. */
async function opened(page) {
  const begun = performance.now();
  await page.goto(plan.url, { waitUntil: "commit" });
  await page.locator("html[data-hydrated]").waitFor({ state: "attached" });
  return performance.now() - begun;
}

/** Tells when the row of each name stood in the page; by the clock of this machine, which the others read too. */
async function follow(page, { names }) {
  let missing = names.length;
  let last;
  const all = new Promise((seen) => (last = seen));
  await page.exposeFunction("told", (name, at) => {
    say({ name, at });
    missing -= 1;
    if (missing === 0) last();
  });
  await opened(page);
  await page.getByText("live", { exact: true }).first().waitFor();
  await page.evaluate((wanted) => {
    const left = new Set(wanted);
    const look = () => {
      for (const name of left) {
        if (!document.body.textContent.includes(name)) continue;
        left.delete(name);
        // In the page means drawn: that is the next frame.
        requestAnimationFrame(() => window.told(name, Date.now()));
      }
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  }, names);
  say({ ready: true });
  await all;
}

/** How long the page takes until a key is answered, and until a filter typed into it is. */
async function filter(page, { text, found, turns }) {
  const palette = page.getByRole("combobox", { name: "Go to" });
  for (let turn = 0; turn < turns; turn += 1) {
    const begun = performance.now();
    const hydrated = await opened(page);
    await page.keyboard.press("Control+k");
    await palette.waitFor();
    const answered = performance.now() - begun;
    await page.keyboard.press("Escape");
    await palette.waitFor({ state: "hidden" });
    await page.getByRole("searchbox").fill(text);
    const typed = performance.now();
    await page.keyboard.press("Enter");
    await page.getByTestId("found").filter({ hasText: found }).waitFor();
    say({ hydrated, answered, filtered: performance.now() - typed });
  }
}

const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath: plan.chromium, args });
try {
  const context = await browser.newContext({ reducedMotion: "reduce" });
  // For the whole site: a cookie of the page's own address would not reach its streams.
  await context.addCookies([{ ...plan.cookie, url: new URL("/", plan.url).href }]);
  const page = await context.newPage();
  await { follow, filter }[plan.task.do](page, plan.task);
} finally {
  await browser.close();
}
