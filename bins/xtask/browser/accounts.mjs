// Members who sign in with the accounts of their organization.

import { CLIENT, startProvider } from "./provider.mjs";

export async function walkAccounts({ base, page, person, look, check, confirm }) {
  const { issuer, stop } = await startProvider(base);
  await page.goto(`${base}/settings`);
  const slug = (await page.getByRole("link", { name: "jwks.json" }).getAttribute("href")).split("/")[2];
  await page.getByRole("link", { name: "Sign-in provider" }).click();
  const first = page.getByRole("link", { name: "Set a provider" });
  if (await first.isVisible()) {
    await first.click();
    await confirm(page);
  }
  const save = async (name, secret) => {
    await page.getByLabel("Issuer").fill(name);
    await page.getByLabel("Client id").fill(CLIENT.id);
    await page.getByLabel("Client secret").fill(secret);
    await page.getByRole("button", { name: "Save changes" }).click();
  };
  await save("http://127.0.0.1:1", CLIENT.secret);
  check("what is no provider is refused", await page.getByText("does not answer").first().isVisible());
  await save("http://192.0.2.1", CLIENT.secret);
  check("nobody is asked without TLS", await page.getByText("must be https://").first().isVisible());
  await save(issuer, CLIENT.secret);
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  check("the client secret is not shown again", (await page.getByLabel("Client secret").inputValue()) === "");
  await look(page, "sign-in-provider");

  // Signs in at the provider, as whom one types.
  const away = async (one, email) => {
    await one.page.goto(`${base}/sign-in/${slug}`);
    await one.page.getByRole("link", { name: "Continue to sign in" }).click();
    await one.page.locator("input[name=login]").fill(email);
    await one.page.locator("input[name=password]").fill("any");
    await one.page.getByRole("button").first().click();
    const back = one.page.waitForRequest((request) => request.url().includes("/openid/return"));
    await one.page.getByRole("button", { name: "Continue" }).click();
    const url = (await back).url();
    await one.page.waitForLoadState();
    return url;
  };
  const vera = await person();
  await vera.page.goto(`${base}/sign-in`);
  await vera.page.getByRole("link", { name: "Sign in with your organization" }).click();
  await look(vera.page, "sign-in-by");
  await vera.page.getByLabel("Organization").fill(slug);
  await vera.page.getByRole("button", { name: "Continue" }).click();
  await look(vera.page, "sign-in-with");
  const used = await away(vera, "VERA@acme.example");
  await vera.page.waitForURL(`${base}/`);
  check("a member comes in by the provider", await vera.page.getByText("Vera Viewer").first().isVisible());
  const replayed = await vera.page.goto(used);
  check("a way back leads once", replayed.status() === 400, replayed.status());
  const elsewhere = await (await person()).page.goto(used);
  check("and into no other browser", elsewhere.status() === 400, elsewhere.status());

  const stranger = await person();
  await away(stranger, "eve@acme.example");
  check("a stranger is told what to do", await stranger.page.getByText("to invite you").isVisible());
  await look(stranger.page, "not-a-member");
  const unverified = await person();
  await away(unverified, "vera@unverified.example");
  check("an unverified address does not count", await unverified.page.getByText("has not verified").isVisible());
  const nobody = await stranger.page.goto(`${base}/sign-in/no-such-organization`);
  check("an unknown organization is told", nobody.status() === 404, nobody.status());

  await page.getByLabel("Members sign in only through the provider").check();
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  const late = await person();
  await late.page.goto(`${base}/sign-in`);
  await late.page.getByLabel("E-mail").fill("vera@acme.example");
  await late.page.getByLabel("Password").fill("another long password");
  await late.page.getByRole("button", { name: "Sign in", exact: true }).click();
  check("a password no longer counts", late.page.url() === `${base}/sign-in/${slug}`, late.page.url());
  await page.getByRole("link", { name: "Remove the provider" }).click();
  await look(page, "provider-removal");
  await page.getByRole("button", { name: "Remove the provider" }).click();
  await page.locator(".done", { hasText: "Removed." }).waitFor();
  stop();
}
