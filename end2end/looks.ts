// What holds of every page: no serious accessibility finding, fine from 390 to 2560 px, in light and dark, and by keyboard.
import AxeBuilder from "@axe-core/playwright";
import { expect, open, type Page } from "./fixtures.ts";
import { unreached } from "./keyboard.ts";

/** Opens a page and looks at it as everybody does. */
export async function looksRight(page: Page, path: string): Promise<void> {
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page, path);
  expect(await overflow(page), `${path} at 390 px scrolls sideways`).toBeLessThanOrEqual(0);
  await expect(page.getByRole("navigation", { name: "Main" }), `${path}: the drawer is shut`).toBeHidden();
  for (const width of [2560, 1920, 1024]) {
    await page.setViewportSize({ width, height: 800 });
    expect(await overflow(page), `${path} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
  }
  expect(await barriers(page), `${path} in light`).toEqual([]);
  // Nothing but the colours is another.
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await barriers(page, ["color-contrast", "link-in-text-block"]), `${path} in dark`).toEqual([]);
  expect(await unreached(page), `${path} by keyboard`).toEqual([]);
}

/** What is seriously wrong for somebody who sees, hears or types in another way; of some rules only, where they are named. */
export async function barriers(page: Page, rules: string[] = []): Promise<string[]> {
  const axe = new AxeBuilder({ page }).options({ resultTypes: ["violations"] });
  const { violations } = await (rules.length > 0 ? axe.withRules(rules) : axe).analyze();
  const serious = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  return serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}

/** By how many pixels the page is wider than the window. */
async function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}
