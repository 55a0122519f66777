// An application from its first version to the file on a customer's disk, and what others see of it.

import { readFile } from "node:fs/promises";
import { createCustomer, issueLicense, signIn } from "./buyers.mjs";

const compose = `services:
  app:
    image: registry.example/acme/server:1.4.2
    environment:
      LICENSE_KEY: {{ .LicenseKeys.appliance }}
`;

export async function applications({ base, page, person, look, check, mailTo }) {
  // --- the vendor makes an application with two versions
  await page.goto(`${base}/applications`);
  await look(page, "applications-empty");
  await page.getByRole("link", { name: "New application" }).first().click();
  await look(page, "application-new");
  await page.getByLabel("Name").fill("Appliance");
  await page.getByLabel("Description").fill("Runs in your own data centre");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "Appliance" }).waitFor();
  const application = page.url();
  await look(page, "application-empty");
  for (const version of ["1.4.2", "2.0.0-rc.1"]) {
    await page.goto(`${application}/new-version`);
    if (version === "1.4.2") await look(page, "application-version-new");
    await page.getByLabel("Version", { exact: false }).first().fill(version);
    await page.getByLabel("Notes").fill(`## What is new in ${version}\n\n- <script>alert(1)</script> faster`);
    await page.getByLabel("compose.yaml").fill("- not a mapping");
    await page.getByRole("button", { name: "Create version" }).click();
    check("a Compose file must be a mapping", await page.getByText("must be a YAML mapping").first().isVisible());
    await page.getByLabel("compose.yaml").fill(compose);
    await page.getByRole("button", { name: "Add a file" }).click();
    await page.locator("#f1_name").fill("nginx.conf");
    await page.locator("#f1_content").fill("server {}\n");
    await page.getByRole("button", { name: "Create version" }).click();
    await page.locator(".done", { hasText: "Saved." }).waitFor();
  }
  check("an unknown license key is told", await page.getByText("compose.yaml, line 5").isVisible());
  check("a further file is kept", await page.getByRole("heading", { name: "nginx.conf" }).isVisible());
  await look(page, "application-version");
  await page.goto(application);
  await look(page, "application");

  // --- two customers, of whom one is entitled
  const buyers = [];
  for (const name of ["First Buyer", "Second Buyer"]) {
    const email = `${name.split(" ")[0].toLowerCase()}@buyer.example`;
    const vendorPage = await createCustomer({ base, page }, name, email);
    const own = await signIn({ base, person, mailTo }, email);
    await own.getByRole("link", { name: "Applications" }).click();
    check(`${name} sees no application at first`, await own.getByText("No application yet").isVisible());
    buyers.push({ vendorPage, own });
  }
  const [first, second] = buyers;
  await look(first.own, "customer-applications-empty");
  await page.goto(first.vendorPage);
  await page.getByRole("link", { name: "Grant an application" }).click();
  await look(page, "application-choose");
  await page.getByRole("link", { name: "Appliance" }).click();
  await page.getByLabel("1.4.2", { exact: true }).check();
  await look(page, "application-grant");
  await page.getByRole("button", { name: "Grant", exact: true }).click();
  await page.locator(".done", { hasText: "Granted." }).waitFor();
  await look(page, "customer-with-applications");

  // --- the customer sees exactly it
  await first.own.reload();
  await look(first.own, "customer-applications");
  await first.own.getByRole("link", { name: "Appliance" }).click();
  await first.own.getByRole("link", { name: "1.4.2" }).waitFor();
  check("only the granted version is there", (await first.own.getByText("2.0.0-rc.1").count()) === 0);
  await look(first.own, "customer-application");
  const mine = `${first.own.url()}/1.4.2`;
  const other = await first.own.request.get(`${first.own.url()}/2.0.0-rc.1`);
  check("the other version is not there", other.status() === 404, other.status());
  await first.own.goto(mine);
  check("a missing license key is named", await first.own.getByText("appliance: no license is called so").isVisible());
  await look(first.own, "customer-version-without-key");

  // --- a license of that name, and the file holds its token
  const token = await issueLicense({ base, page }, "Appliance", "First Buyer", '{"seats":5}');
  await first.own.reload();
  await look(first.own, "customer-version");
  const [download] = await Promise.all([
    first.own.waitForEvent("download"),
    first.own.getByRole("link", { name: "Download compose.yaml" }).click(),
  ]);
  const text = await readFile(await download.path(), "utf8");
  check("the file holds the token", text === compose.replace("{{ .LicenseKeys.appliance }}", token), text);
  const api = `${base}/api/v1/customer/applications/appliance/versions/1.4.2/files/compose.yaml`;
  const fetched = await first.own.request.get(api, { headers: { Authorization: `Bearer ${token}` } });
  check("a machine fetches the same file", (await fetched.text()) === text, fetched.status());

  // --- the second customer sees nothing
  await second.own.reload();
  check("the second customer sees nothing", await second.own.getByText("No application yet").isVisible());
  for (const path of [mine, `${mine}/files/compose.yaml`]) {
    const refused = await second.own.request.get(path);
    check("and reaches nothing", refused.status() === 404, refused.status());
  }

  // --- more is granted, and shows at the next click
  await page.goto(first.vendorPage);
  await page.locator("#applications").getByRole("link", { name: "Appliance" }).click();
  await look(page, "application-entitlement");
  await page.getByLabel("2.0.0-rc.1", { exact: true }).check();
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  await first.own.goto(`${base}/portal/applications/appliance`);
  check("the next click shows it", await first.own.getByRole("link", { name: "2.0.0-rc.1" }).isVisible());
  await page.goto(application);
  await page.getByRole("link", { name: "Delete application" }).click();
  await page.getByRole("button", { name: "Delete application" }).click();
  check("what is granted is not deleted", await page.getByText("one customer is entitled").first().isVisible());
}
