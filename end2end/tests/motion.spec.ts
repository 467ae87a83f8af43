// What stands where something is still on its way, and what of the pages moves.
import { expect, open, test, type Page } from "../fixtures.ts";
import { emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

/** What moves on the page: the name of each animation, and how long it or a transition takes. */
async function moving(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found = new Set<string>();
    for (const at of document.querySelectorAll("*")) {
      for (const part of [undefined, "::before", "::after"]) {
        const { animationName, animationDuration, transitionDuration } = getComputedStyle(at, part);
        if (animationName !== "none") found.add(`${animationName} ${animationDuration}`);
        for (const takes of transitionDuration.split(", ")) if (takes !== "0s") found.add(`transition ${takes}`);
      }
    }
    return [...found];
  });
}

test("what moves is brief, but for the dot of what is live and a note that fades; with reduced motion nothing does", async ({ signedIn: page }) => {
  const [id, name] = [await namespace(page), unique("still")];
  await emptyDeployment(name, await kubernetesName(page, id));
  await open(page, `/kubernetes/${id}/workloads/deployment/${name}?done=workload-changed.1&name=${name}`);
  const note = page.getByText(`${name} is changed; its pods follow`);
  await expect(note).toBeVisible();
  await expect(page.getByText("live", { exact: true })).toBeVisible();

  // Not before: a note fades, however late its page has come.
  await page.emulateMedia({ reducedMotion: "no-preference" });
  const slow = ["pulse 2s", "toast 8s"];
  const found = await moving(page);
  expect(found).toEqual(expect.arrayContaining(slow));
  const brief = (what: string) => Number(what.replace(/^\S+ ([\d.]+)s$/, "$1")) <= 0.15;
  expect(found.filter((what) => !slow.includes(what) && !brief(what))).toEqual([]);

  await page.emulateMedia({ reducedMotion: "reduce" });
  expect(await moving(page)).toEqual([]);
  await expect(note).toBeVisible();
});

test("while an answer is on its way the shape of it stands there, after a moment", async ({ signedIn: page }) => {
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await open(page, "/");
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/api-key/list*", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "API keys", exact: true }).click();
  const shape = page.getByLabel("Loading", { exact: true });
  await expect(shape).toBeVisible();
  await expect(shape).toHaveAttribute("aria-busy", "true");
  const late = await shape.evaluate((at) => `${getComputedStyle(at).animationName} ${getComputedStyle(at).animationDuration}`);
  expect(late, "a fast answer never flickers").toBe("late 0.15s");
  await expect(page.getByRole("heading", { name: "API keys", level: 1 })).toBeVisible();
  answer();
  await expect(shape).toHaveCount(0);
});
