// Signing in with a provider, proving it again and setting a password work without JavaScript.
import { expect, test } from "../fixtures.ts";
import { unique } from "../helpers.ts";

test("a person without JavaScript signs in with a provider and sets a password", async ({ page }) => {
  const email = `${unique("plain")}@example.com`;
  await page.goto("/login?next=/settings/profile");
  await page.getByRole("link", { name: "Sign in with Test provider" }).click();
  await page.getByPlaceholder("Enter any login").fill(email);
  await page.getByPlaceholder("and password").fill("x");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await expect(page).toHaveURL(/\/settings\/profile$/);

  await page.getByRole("button", { name: "Unlink Test provider" }).click();
  await expect(page.getByText("This is your only way to sign in")).toBeVisible();
  await page.getByLabel("New password").fill("a password without JavaScript");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page).toHaveURL(/done=password-changed/);
  await page.goto("/reauthenticate?next=/settings/profile");
  await page.getByLabel("Password").fill("a password without JavaScript");
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page).toHaveURL(/\/settings\/profile$/);

  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page).toHaveURL(/\/login\?signed-out=test/);
  await expect(page.getByRole("link", { name: "Also sign out of Test provider" })).toBeVisible();
});
