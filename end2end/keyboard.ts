// What holds of every page for somebody without a pointer: each thing that can be used is reached by Tab, and is seen then.
import { expect, type Locator, type Page } from "./fixtures.ts";

/** Presses of Tab between two looks. */
const STEP = 10;

/** What of the open dialog, else of the page's content, Tab does not lead to, or leads to unseen. */
export async function unreached(page: Page, within = ""): Promise<string[]> {
  const state = await page.evaluateHandle((within) => {
    const scope = document.querySelector(within || "dialog[open]") ?? document.querySelector("main") ?? document.body;
    const usable = (at: HTMLElement) =>
      at.checkVisibility({ visibilityProperty: true }) && !at.matches(":disabled, [type=hidden], [tabindex='-1']");
    const stops = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    const found = [...scope.querySelectorAll<HTMLElement>(stops)].filter(usable);
    // Of radio buttons that belong together Tab leads to one; the arrows lead to the others.
    const isRadio = (at: HTMLElement) => at instanceof HTMLInputElement && at.type === "radio";
    const radios = found.filter(isRadio) as HTMLInputElement[];
    const group = (at: HTMLElement) => radios.filter((radio) => radio.name === at.getAttribute("name"));
    const stop = (at: HTMLElement) => group(at).find((radio) => radio.checked) ?? group(at)[0];
    const wanted = found.filter((at) => !isRadio(at) || stop(at) === at);
    const [seen, unseen] = [new Set<Element | null>(), new Set<Element>()];
    const lit = (at: Element | null) => {
      // The browser itself marks the part of a day that is typed.
      if (at?.matches("input[type=date]")) return true;
      const style = at ? getComputedStyle(at) : undefined;
      return style !== undefined && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    };
    // The first is where Tab begins: a script puts the focus there, not a key.
    wanted[0]?.focus();
    seen.add(document.activeElement);
    document.addEventListener("focusin", ({ target }) => {
      const at = target as HTMLElement;
      // A field may show it at the card around it.
      if (!seen.has(at) && wanted.includes(at) && !lit(at) && !lit(at.closest("label"))) unseen.add(at);
      seen.add(at);
    });
    return { wanted, seen, unseen };
  }, within);
  const left = () => state.evaluate(({ wanted, seen }) => wanted.filter((at) => at.isConnected && !seen.has(at)).length);
  // A day is three stops in one field, what scrolls is one without being asked for, and a row may come meanwhile.
  const most = 3 * (await state.evaluate(({ wanted }) => wanted.length)) + 40;
  for (let tabs = 0; tabs < most && (await left()) > 0; tabs += STEP) {
    for (let at = 0; at < STEP; at += 1) await page.keyboard.press("Tab");
  }
  const wrong = await state.evaluate(({ wanted, seen, unseen }) => {
    const shown = (at: Element) => at.outerHTML.slice(0, 160);
    const missed = wanted.filter((at) => at.isConnected && !seen.has(at));
    return [...missed.map((at) => `not reached: ${shown(at)}`), ...[...unseen].map((at) => `not seen: ${shown(at)}`)];
  });
  await state.dispose();
  return wrong;
}

/** Goes on by Tab until the focus is there. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let tabs = 0; tabs < 200; tabs += 1) {
    if (await target.evaluate((at) => at === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  await expect(target).toBeFocused();
}
