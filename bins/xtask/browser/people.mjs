// The people of a customer: invited by the customer's admin and by the vendor, with a password and a second factor, removed.

/** Walks on from the customer's contact, who is signed in on `contact`, and the vendor on `vendor`. */
export async function walkPeople({ base, contact, vendor, person, mailTo, look, check, codeOf }) {
  const password = "staple battery horse";

  await contact.getByRole("link", { name: "People", exact: true }).click();
  await look(contact, "customer-people");
  await contact.getByLabel("Name").fill("Viv Viewer");
  await contact.getByLabel("E-mail").fill("it@example.com");
  await contact.getByRole("button", { name: "Invite", exact: true }).click();
  check("an address is one user", await contact.getByText("is taken by another user").first().isVisible());
  await contact.getByLabel("E-mail").fill("viv@example.com");
  await contact.getByRole("button", { name: "Invite", exact: true }).click();
  await contact.locator(".done", { hasText: "Invited." }).waitFor();
  check("who was invited is listed so", await contact.getByText("invited", { exact: true }).isVisible());
  await look(contact, "customer-people-invited");

  const viv = await person();
  await viv.page.goto(await mailTo("viv@example.com", "You are invited"));
  await look(viv.page, "customer-join");
  await viv.page.getByRole("button", { name: "Accept and sign in" }).click();
  await viv.page.waitForURL(`${base}/portal`);
  await viv.page.getByRole("link", { name: "People", exact: true }).click();
  check("a viewer invites nobody", (await viv.page.getByRole("button", { name: "Invite", exact: true }).count()) === 0);
  await look(viv.page, "customer-people-viewer");

  // The vendor invites an admin, who sets a password at once.
  await vendor.goto(`${base}/customers`);
  await vendor.locator("table a", { hasText: "Example" }).first().click();
  await vendor.getByRole("link", { name: "People", exact: true }).click();
  await look(vendor, "people-of-a-customer");
  await vendor.getByLabel("Name").fill("Ann Admin");
  await vendor.getByLabel("E-mail").fill("ann@example.com");
  await vendor.getByLabel("Role", { exact: true }).selectOption("admin");
  await vendor.getByRole("button", { name: "Invite", exact: true }).click();
  await vendor.locator(".done", { hasText: "Invited." }).waitFor();
  const ann = (await person()).page;
  await ann.goto(await mailTo("ann@example.com", "You are invited"));
  await ann.getByText("Set a password now").click();
  await ann.getByLabel("Password").fill(password);
  await ann.getByLabel("Once more").fill(password);
  await ann.getByRole("button", { name: "Accept and sign in" }).click();
  await ann.waitForURL(`${base}/portal`);

  // A second factor, for which it is asked again who one is.
  await ann.getByRole("link", { name: "Profile" }).click();
  await look(ann, "customer-profile-with-password");
  await ann.getByRole("link", { name: "Set up an authenticator app" }).click();
  await look(ann, "customer-confirm");
  await ann.getByLabel("Password").fill(password);
  await ann.getByRole("button", { name: "Confirm", exact: true }).click();
  await look(ann, "customer-authenticator");
  const secret = await ann.locator("#secret").textContent();
  await ann.getByLabel("Code that the app shows").fill(codeOf(secret));
  await ann.getByRole("button", { name: "Turn it on" }).click();
  check("recovery codes are shown once", (await ann.locator("#codes").textContent()).split("\n").length === 10);
  const codes = (await ann.locator("#codes").textContent()).split("\n");
  await look(ann, "customer-recovery-codes");
  await ann.getByRole("link", { name: "I have kept them" }).click();
  await ann.getByRole("button", { name: "Sign out" }).click();
  await ann.waitForURL(`${base}/portal/sign-in`);
  await ann.getByRole("link", { name: "Sign in with a password" }).click();
  await look(ann, "customer-password");
  await ann.getByLabel("E-mail").fill("ann@example.com");
  await ann.getByLabel("Password").fill(password);
  await ann.getByRole("button", { name: "Sign in", exact: true }).click();
  check("a code is asked for", await ann.getByText("is needed").first().isVisible());
  await ann.getByLabel("Password").fill(password);
  await ann.getByLabel("Code").fill(codes[0]);
  await ann.getByRole("button", { name: "Sign in", exact: true }).click();
  await ann.waitForURL(`${base}/portal`);

  // Removed, the viewer's next click is refused.
  await ann.getByRole("link", { name: "People", exact: true }).click();
  await ann.getByRole("link", { name: "Remove Viv Viewer" }).click();
  await look(ann, "customer-person-remove");
  await ann.getByRole("button", { name: "Remove Viv Viewer" }).click();
  await ann.locator(".done", { hasText: "Removed." }).waitFor();
  await viv.page.getByRole("link", { name: "Licenses", exact: true }).click();
  await viv.page.waitForURL(`${base}/portal/sign-in`);
  await vendor.reload();
  check("the vendor sees who is left", !(await vendor.content()).includes("viv@example.com"));
}
