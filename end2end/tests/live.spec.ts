// Nothing polls: an open list and an open page of a workload follow the cluster by their event streams alone.
import { expect, open, test, type Page } from "../fixtures.ts";
import { clusterAdmin, emptyDeployment, unique } from "../helpers.ts";
import { kubernetesName, namespace } from "../namespaces.ts";

/** The paths that a page asks for from now on. */
function asked(page: Page): string[] {
  const paths: string[] = [];
  page.on("request", (request) => paths.push(new URL(request.url()).pathname));
  return paths;
}

test("an open list and an open workload follow the cluster and ask for nothing", async ({ signedIn: list, context }) => {
  const [id, name, later] = [await namespace(list), unique("seen"), unique("later")];
  const inside = await kubernetesName(list, id);
  await emptyDeployment(name, inside);
  const changed = (tag: number) =>
    clusterAdmin(["set", "image", `deployment/${name}`, `app=registry.invalid/app:${tag}`, "-n", inside]);

  const detail = await context.newPage();
  const pages = [
    { page: list, path: `/kubernetes/${id}/workloads`, stream: `/live/namespaces/${id}/workloads` },
    {
      page: detail,
      path: `/kubernetes/${id}/workloads/deployment/${name}`,
      stream: `/live/namespaces/${id}/workloads/deployment/${name}`,
    },
  ];
  const shows = async (tag: number) => {
    for (const { page } of pages) await expect(page.getByText(`registry.invalid/app:${tag}`).first()).toBeVisible();
  };

  await test.step("both are drawn and follow", async () => {
    for (const { page, path, stream } of pages) {
      const first = asked(page);
      await open(page, path);
      await expect(page.getByText("live", { exact: true })).toBeVisible();
      expect(first, "the stream of the page").toContain(stream);
    }
    // What arrives by the streams is drawn: all that the pages need for it has been asked for.
    await changed(2);
    await shows(2);
  });

  await test.step("what they show changes, and but for streams nobody is asked", async () => {
    const since = pages.map(({ page }) => asked(page));
    await changed(3);
    await shows(3);
    await emptyDeployment(later, inside);
    await expect(list.getByRole("link", { name: later, exact: true })).toBeVisible();
    await changed(4);
    await shows(4);
    await clusterAdmin(["delete", "deployment", name, "-n", inside]);
    await expect(detail.getByText("This Deployment is gone")).toBeVisible();
    await expect(list.getByRole("link", { name, exact: true })).toHaveCount(0);
    // A stream that broke is opened again: that is no question about what is known already.
    const questions = since.map((paths) => paths.filter((path) => !path.startsWith("/live/")));
    expect(questions).toEqual([[], []]);
  });
});
