// Customers: how the vendor creates them and their licenses, and how they sign in.

/** Creates a customer; the address of the vendor's page about them. */
export async function createCustomer({ base, page }, name, email) {
  await page.goto(`${base}/customers/new`);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
  return page.url();
}

/** Issues a license to a customer; its token. */
export async function issueLicense({ base, page }, name, customer, payload) {
  await page.goto(`${base}/licenses/new`);
  await page.getByLabel("Customer’s name or e-mail").fill(customer);
  await page.getByRole("link", { name: customer, exact: true }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Payload (JSON object)").fill(payload);
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  return (await page.locator("#token-text").textContent()).trim();
}

/** Signs a customer in by the mailed link, in a browser of their own; their page. `look` sees the pages on the way. */
export async function signIn({ base, person, mailTo, look = async () => {} }, email) {
  const { page } = await person();
  await page.goto(`${base}/portal`);
  await look(page, "customer-sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await page.getByText("a mail is on its way").waitFor();
  await page.goto(await mailTo(email, "Sign in to see your licenses"));
  await look(page, "customer-link");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${base}/portal`);
  return page;
}
