import { defineConfig } from "@playwright/test";

// `cargo xtask test` starts the product and sets these; by hand: `set -a; . .remotegpu/up.env; set +a; npx playwright test`.
const baseURL = process.env.REMOTEGPU_URL ?? "http://127.0.0.1:8080";
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export default defineConfig({
  testDir: "tests",
  fullyParallel: true,
  workers: 2,
  retries: 0,
  timeout: 300_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  use: {
    baseURL,
    launchOptions: { executablePath: chromium, args },
    trace: "retain-on-failure",
    contextOptions: { reducedMotion: "reduce" },
  },
  projects: [
    { name: "chromium", testIgnore: /\.noscript\.spec\.ts$/ },
    // Pictures for the README (SHOTS=1) or of every page (SHOTS=every), only when asked for.
    ...(process.env.SHOTS
      ? [{ name: "shots", testDir: "shots", testMatch: process.env.SHOTS === "every" ? /every\.ts$/ : /pages\.ts$/ }]
      : []),
    { name: "noscript", testMatch: /\.noscript\.spec\.ts$/, use: { javaScriptEnabled: false } },
  ],
});
