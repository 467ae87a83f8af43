// The page of one thing leads back to the list that it is in.
import { expect, open, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

test("the path above the name of one thing leads back to its list", async ({ signedIn: page }) => {
  const made = await page.request.post("/v1/api-keys", { data: { name: unique("back"), scopes: { all: true } } });
  const { id } = (await made.json()) as { id: string };
  const { account } = (await (await page.request.get("/v1/auth/session")).json()) as { account: { id: string } };
  const places = [
    [`/settings/api-keys/${id}`, "API keys", "/settings/api-keys"],
    [`/platform/accounts/${account.id}`, "Accounts", "/platform/accounts"],
    ["/platform/nodes/simulated-h100", "Nodes", "/platform/nodes"],
    ["/platform/skus/gpu-h100-1x", "SKUs", "/platform/skus"],
    ["/engines?new=engine", "Engines", "/engines"],
  ] as const;
  for (const [one, list, address] of places) {
    await open(page, one);
    await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: list, exact: true }).click();
    await expect(page, one).toHaveURL(new RegExp(`${address}$`));
    await expect(page.getByRole("heading", { name: list, level: 1, exact: true })).toBeVisible();
  }
});
