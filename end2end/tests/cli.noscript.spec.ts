// Without JavaScript the question works too: the page that follows a yes holds a link back to the machine.
import { expect, test } from "../fixtures.ts";

const LINK =
  "/cli/authorize?code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&redirect_port=50123&state=0123456789abcdef&name=plain";

test("a person without JavaScript can allow a command line", async ({ page, person }) => {
  await page.goto(LINK);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL(/\/cli\/authorize\?/);
  await page.getByRole("button", { name: "Allow" }).click();
  const back = page.getByRole("link", { name: "Return to the terminal" });
  await expect(back).toHaveAttribute("href", /^http:\/\/127\.0\.0\.1:50123\/callback\?code=[0-9A-Za-z]{43}&state=0123456789abcdef$/);
});
