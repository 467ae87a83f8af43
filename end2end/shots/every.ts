// Pictures of every page in light, dark and 390 px wide, for review: `SHOTS=every SHOTS_DIR=DIR npx playwright test --project shots`.
import { open, test } from "../fixtures.ts";
import { pages } from "../pages.ts";

const FOLDER = process.env.SHOTS_DIR ?? "test-results/shots";

const LOOKS = [
  { look: "light", scheme: "light", width: 1280 },
  { look: "dark", scheme: "dark", width: 1280 },
  { look: "390", scheme: "light", width: 390 },
] as const;

test("pictures of every page", async ({ signedIn: page }) => {
  test.slow();
  const all = await pages(page);
  for (const { look, scheme, width } of LOOKS) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 860 });
    for (const path of all) {
      await open(page, path);
      const name = path.replace(/[0-9a-f]{64}/, "token").replace(/[0-9a-f-]{36}/g, "id").replace(/[^a-z0-9]+/gi, "-");
      await page.screenshot({ path: `${FOLDER}/${name}.${look}.png`, fullPage: true, animations: "disabled" });
    }
  }
});
