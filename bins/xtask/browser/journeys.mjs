// Walks the portals as people do, in a real browser, and looks at each page with axe-core.
//
//     node journeys.mjs SETUP_LINK MAIL_FOLDER [SCREENSHOT_FOLDER]
//
// Every console error and every violation of the page's policy counts as a failure.

import { createHmac } from "node:crypto";
import { readFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { walkAccounts } from "./accounts.mjs";
import { walkWebhooks } from "./webhooks.mjs";
import { walkPeople } from "./people.mjs";
import { applications } from "./applications.mjs";
import { signIn } from "./buyers.mjs";
import { mailbox } from "./mail.mjs";
import { registries } from "./registries.mjs";
import { tasks } from "./tasks.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [setup, mails, screenshots] = process.argv.slice(2);
const base = new URL(setup).origin;
let passed = 0;
let failed = 0;

function check(what, right, seen = "") {
  if (right) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAILED ${what}: ${seen}`);
  }
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

async function person(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  // What a refused page answers is asked for by the journey; the browser mentions it as an error.
  page.on("console", (message) => {
    // A provider's own pages are no business of ours.
    if (page.url().startsWith(base) && message.type() === "error" && !message.text().includes("status of 4")) {
      check("no console error", false, `${page.url()}: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => check("no script error", false, `${page.url()}: ${error}`));
  return { context, page };
}

let shot = 0;

// What axe-core finds in a page, by day and by night.
async function violations(page, name) {
  // axe is run by the browser's debugger, which the page's policy does not bind.
  await page.evaluate(axe);
  const result = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const found = result.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" | ")}`);
  check(`axe on ${name}`, found.length === 0, found.join("\n  "));
}

async function look(page, name) {
  const number = String((shot += 1)).padStart(2, "0");
  const keep = async (suffix) => {
    if (!screenshots) return;
    await mkdir(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `${number}-${name}${suffix}.png`), fullPage: true });
  };
  await violations(page, name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
  check(`${name} does not scroll sideways`, !wide);
  await keep("");
  // Without the transitions, between whose colours axe would look.
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await violations(page, `${name} in the dark`);
  await keep("-dark");
  await page.emulateMedia({ colorScheme: null, reducedMotion: "reduce" });
  if (screenshots) {
    await page.setViewportSize({ width: 390, height: 844 });
    const narrow = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
    check(`${name} fits a phone`, !narrow);
    await keep("-phone");
    await page.setViewportSize({ width: 1280, height: 900 });
  }
  await page.emulateMedia({ reducedMotion: null });
}

// Shows who one is, where it is asked.
async function confirm(page) {
  if (!new URL(page.url()).pathname.startsWith("/confirm")) return;
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Confirm", exact: true }).click();
  await page.waitForURL((url) => !url.pathname.startsWith("/confirm"));
}

const mailTo = mailbox(mails);

// --- the first start
const owner = await person();
const page = owner.page;
await page.goto(setup);
await look(page, "setup");
await page.getByLabel("Organization").fill("Acme <script>alert(1)</script>");
await page.getByLabel("Your name").fill("Ada Lovelace");
await page.getByLabel("Your e-mail").fill("ada@acme.example");
await page.getByLabel("Password").fill("short");
await page.getByLabel("Once more").fill("short");
await page.getByRole("button", { name: "Create the organization" }).click();
check("a short password is refused", await page.getByText("must have at least 12 characters").first().isVisible());
await page.getByLabel("Password").fill("correct horse battery");
await page.getByLabel("Once more").fill("correct horse battery");
await page.getByRole("button", { name: "Create the organization" }).click();
await page.waitForURL(`${base}/`);
check("setup leads to the dashboard", await page.getByRole("heading", { name: "Dashboard" }).isVisible());
await look(page, "dashboard-empty");
const again = await (await person()).page.goto(setup);
check("the setup link opens once", again.status() === 410, again.status());

// --- a product with all kinds of fields
await page.getByRole("link", { name: "New product" }).click();
await look(page, "product-new");
await page.getByLabel("Name").fill("Acme Server");
await page.getByRole("button", { name: "Create" }).click();
const key = await page.locator("#secret").textContent();
check("the API key is shown once", key.startsWith("kw_prod_"), key);
await look(page, "product-created");
await page.getByRole("link", { name: "I have copied it" }).click();
const product = page.url();
check("and not again", !(await page.content()).includes(key));
const kinds = [
  ["seats", "Seats", "number", "yes", "yes", "", ""],
  ["plan", "Plan", "select", "no", "yes", "basic", "basic\npro"],
  ["tier", "Tier", "text", "no", "no", "gold", ""],
  ["contact", "Contact", "email", "no", "yes", "", ""],
  ["beta", "Beta", "checkbox", "no", "yes", "", ""],
  ["until", "Support until", "date", "no", "yes", "", ""],
  ["terms", "Terms", "textarea", "no", "yes", "", ""],
];
const tab = (name) => page.getByRole("navigation", { name: "Product" }).getByRole("link", { name, exact: true }).click();
await tab("Fields");
for (const [index, field] of kinds.entries()) {
  await page.getByRole("button", { name: "Add a field" }).click();
  const [name, label, kind, required, editable, initial, choices] = field;
  await page.locator(`#f${index}_name`).fill(name);
  await page.locator(`#f${index}_label`).fill(label);
  await page.locator(`#f${index}_kind`).selectOption(kind);
  await page.locator(`#f${index}_required`).setChecked(required === "yes");
  await page.locator(`#f${index}_editable`).setChecked(editable === "yes");
  await page.locator(`#f${index}_default`).fill(initial);
  if (choices) await page.locator(`#f${index}_choices`).fill(choices);
}
await page.locator("#f6_label").press("Tab");
await page.locator("#preview").getByLabel("Support until").waitFor();
check("the preview follows the editor", true);
await page.getByRole("button", { name: "Move field 7 up" }).click();
await page.locator("#f5_name[value=terms]").waitFor();
await page.getByRole("button", { name: "Move field 6 down" }).click();
await page.locator("#f6_name[value=terms]").waitFor();
check("rows are moved with all that is typed", (await page.locator("#f0_label").inputValue()) === "Seats");
await page.locator("#f2_name").fill("exp");
await page.getByRole("button", { name: "Save changes" }).click();
check("a fault stands beside its field", await page.locator("#f2_name-fault").isVisible());
check("and what was typed stays", (await page.locator("#f4_label").inputValue()) === "Beta");
await look(page, "product-fields-fault");
await page.locator("#f2_name").fill("tier");
await page.getByRole("button", { name: "Save changes" }).click();
await page.locator(".done", { hasText: "Saved." }).waitFor();
await look(page, "product-fields");
await tab("Customer page");
await page.getByLabel("Markdown").fill("# Install\n\n<script>alert(1)</script>\n\n[evil](javascript:alert(1)) `docker login`");
await page.locator("#docs h1").waitFor();
check("the page's preview is safe", (await page.locator("#docs").innerHTML()).includes("&lt;script&gt;"));
await page.getByRole("button", { name: "Save changes" }).click();
await page.locator(".done", { hasText: "Saved." }).waitFor();
await look(page, "product-page");
await tab("Settings");
await page.getByLabel("IP enforcement").selectOption("enforce");
await page.getByLabel("Max. IPs of new licenses").fill("3");
await page.getByLabel("Version module").check();
await page.getByRole("button", { name: "Add a role" }).click();
await page.locator("#r0_name").fill("runtime");
await page.locator("#r0_repositories").fill("acme/*");
check("what was typed before a row was added stays", (await page.getByLabel("Max. IPs of new licenses").inputValue()) === "3");
await page.getByRole("button", { name: "Save changes" }).click();
await page.locator(".done", { hasText: "Saved." }).waitFor();
check("settings are kept", (await page.getByLabel("Max. IPs of new licenses").inputValue()) === "3");
await look(page, "product-settings");
await page.locator("#r0_name").fill("Runtime!");
await page.getByRole("button", { name: "Save changes" }).click();
check("a wrong role is told", await page.getByRole("alert").isVisible());
await page.getByRole("link", { name: "Rotate API key" }).click();
check("who leaves is asked what will happen first", await page.getByText("is made, and shown to you once").isVisible());
await look(page, "product-rotate");
await page.getByRole("link", { name: "Cancel" }).click();
await tab("Versions");
for (const [index, version] of [["2.x", "allowed"], ["2.1.0", "latest"]].entries()) {
  await page.getByRole("button", { name: "Add a version" }).click();
  await page.locator(`#v${index}_pattern`).fill(version[0]);
  await page.locator(`#v${index}_standing`).selectOption(version[1]);
}
await page.getByRole("button", { name: "Save changes" }).click();
await page.locator(".done", { hasText: "Saved." }).waitFor();
await look(page, "product-versions");
await tab("Webhooks");
await look(page, "product-webhooks");
await tab("Overview");
await look(page, "product");
await page.goto(`${base}/products`);
await look(page, "products");
await page.getByLabel("Search").fill("nothing like it");
await page.getByText("Nothing found").waitFor();
check("the table is searched without a reload", true);

// --- a key
await page.goto(`${base}/products`);
await page.getByRole("link", { name: "Create new key" }).click();
await look(page, "key-new");
await page.getByLabel("E-mail").fill("it@example.com");
await page.getByLabel("Name", { exact: false }).first().fill("Example \"Inc.\" <b>&");
await page.getByLabel("Notes").fill("internal: pays late");
await page.getByLabel("Seats").fill("many");
await page.getByRole("button", { name: "Create customer" }).click();
check("a wrong number is told", await page.getByText("must be a number").first().isVisible());
await page.getByLabel("Seats").fill("25");
await page.locator("#end").fill(new Date(Date.now() + 200 * 86_400_000).toISOString().slice(0, 10));
await page.getByRole("button", { name: "Create customer" }).click();
await page.getByRole("heading", { name: "Share manually" }).waitFor();
const token = (await page.locator("#token").textContent()).trim();
check("the token is a JWT", token.split(".").length === 3);
await look(page, "key-made");
await page.getByRole("button", { name: "Share onboarding link" }).click();
const onboarding = (await page.locator("#link").textContent()).trim();
const license = page.url().replace("/onboarding-link", "");
await look(page, "license-link");

await page.goto(license);
await page.getByRole("button", { name: "Mail it to it@example.com" }).click();
await page.locator(".done", { hasText: "Mailed." }).waitFor();
check("the link is mailed", (await mailTo("it@example.com", "Your license from", "/onboarding/")).startsWith(base));

// --- the onboarding link, opened by someone else
const buyer = await person();
for (let tries = 0; tries < 5; tries += 1) await buyer.page.request.get(onboarding);
await buyer.page.request.head(onboarding);
await buyer.page.goto(onboarding);
await look(buyer.page, "onboarding");
await buyer.page.waitForTimeout(500);
const opened = await Promise.all(
  [1, 2, 3, 4].map(() => buyer.page.request.post(onboarding, { maxRedirects: 0, headers: { Origin: base } })),
);
const statuses = opened.map((answer) => answer.status()).sort();
check("looking opens nothing, and of four who open one does", statuses.join() === "303,410,410,410", statuses.join());
await buyer.page.goto(`${base}${opened.find((answer) => answer.status() === 303).headers().location}`);
check("fields are shown", await buyer.page.getByText("Seats").isVisible());
check("internal notes are not", !(await buyer.page.content()).includes("pays late"));
await look(buyer.page, "onboarding-opened");
const [download] = await Promise.all([
  buyer.page.waitForEvent("download"),
  buyer.page.getByRole("link", { name: "Download license.jwt" }).click(),
]);
check("the token is downloaded", (await readFile(await download.path(), "utf8")).trim() === token);
const late = await (await person()).page.goto(onboarding);
check("the link is gone", late.status() === 410, late.status());

// --- the customer's portal
const customer = await signIn({ base, person, mailTo, look }, "it@example.com");
await look(customer, "customer-licenses");
await customer.locator("table a").first().click();
check("nothing has asked yet", await customer.getByText("0 of 3 addresses in use").isVisible());
const asked = await fetch(`${base}/api/v1/validate`, {
  method: "POST",
  headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
  body: JSON.stringify({ license_key: await customer.locator("#key").textContent(), version: "2.1.0" }),
});
check("the application may run", (await asked.json()).valid === true);
await customer.reload();
check("addresses are shown against their limit", await customer.getByText("1 of 3 addresses in use").isVisible());
check("and how long it lasts", await customer.getByText(/days? left/).isVisible());
check("the customer sees the token", (await customer.locator("#token").textContent()).trim() === token);
check("and no internal notes", !(await customer.content()).includes("pays late"));
await look(customer, "customer-license");
const own = customer.url();
await customer.getByRole("link", { name: "Profile" }).click();
await look(customer, "customer-profile");
await walkPeople({ base, contact: customer, vendor: page, person, mailTo, look, check, codeOf: code });
const vendorPage = await customer.request.get(`${base}/products`, { maxRedirects: 0 });
check("a customer sees no vendor's page", vendorPage.status() === 303, vendorPage.status());

// --- a license with a payload, renewed and revoked
await page.goto(`${base}/licenses/new`);
await look(page, "license-holder");
await page.getByRole("link", { name: "The whole organization" }).click();
await look(page, "license-new");
await page.getByLabel("Name").fill("Volume license");
await page.getByLabel("Payload (JSON object)").fill("[1]");
await page.getByRole("button", { name: "Save" }).click();
check("an array is no payload", await page.getByRole("alert").isVisible());
await page.getByLabel("Payload (JSON object)").fill('{"seats":12345678901234567890}');
await page.getByRole("button", { name: "Save" }).click();
await page.locator(".done", { hasText: "Saved." }).waitFor();
check("the payload is as written", (await page.content()).includes("12345678901234567890"));
const part = (name) => page.getByRole("navigation", { name: "License" }).getByRole("link", { name, exact: true }).click();
await part("Settings");
await page.getByRole("button", { name: "Renew" }).click();
await page.locator(".done", { hasText: "Renewed" }).waitFor();
await part("History");
check("each renewal is a revision", (await page.getByRole("row").count()) >= 3);
await look(page, "license-history");
const volume = page.url().replace("/history", "");
await page.goto(`${base}/licenses`);
await look(page, "licenses");
await page.evaluate(() => (document.body.dataset.same = "yes"));
await page.getByRole("link", { name: "Show as one list" }).click();
await page.locator("th[aria-sort=ascending]", { hasText: "License" }).waitFor();
await page.getByRole("link", { name: "Valid until" }).click();
await page.locator("th[aria-sort=ascending]", { hasText: "Valid until" }).waitFor();
await page.getByRole("link", { name: "Valid until" }).click();
await page.locator("th[aria-sort=descending]", { hasText: "Valid until" }).waitFor();
check("tables are ordered without a reload", await page.evaluate(() => document.body.dataset.same === "yes"));
check("and the address tells how", page.url().endsWith("?sort=-expires_at"), page.url());
check("the focus stays on the column", (await page.evaluate(() => document.activeElement.id)) === "by-expires_at");
await page.getByLabel("Status").selectOption("active");
await page.waitForURL(/status=active.*sort=-expires_at|sort=-expires_at.*status=active/);
await look(page, "licenses-ordered");
await page.reload();
check("a reload shows the same", await page.locator("th[aria-sort=descending]", { hasText: "Valid until" }).isVisible());
await page.goto(license);
await look(page, "license");
const name = await page.locator("h1").textContent();
await part("Settings");
await look(page, "license-settings");
await page.getByRole("link", { name: "Suspend" }).click();
check("it says whom it hits", await page.getByText(/For Example "Inc\." <b>&/).first().isVisible());
await page.getByRole("button", { name: "Suspend" }).click();
await page.locator(".done", { hasText: "Suspended." }).waitFor();
await part("Settings");
await page.getByRole("button", { name: "Resume" }).click();
await page.locator(".done", { hasText: "Resumed." }).waitFor();
await part("Settings");
await page.getByRole("link", { name: "Revoke" }).click();
await page.getByLabel("Type the license's name to confirm").fill("something else");
await page.getByRole("button", { name: "Revoke" }).click();
check("a wrong name revokes nothing", await page.getByText("differs from the license's name").first().isVisible());
await page.getByLabel("Type the license's name to confirm").fill(name);
await page.getByRole("button", { name: "Revoke" }).click();
await page.locator(".done", { hasText: "Revoked, from the very next request on." }).waitFor();
await customer.goto(own);
check("the customer's next click sees it", await customer.getByText("has no token now").isVisible());
await page.goto(volume);
await page.getByRole("link", { name: "Delete" }).click();
await look(page, "license-delete");
await page.getByRole("button", { name: "Delete license" }).click();
await page.locator(".done", { hasText: "Deleted." }).waitFor();
check("a deleted license is gone", (await page.request.get(volume)).status() === 404);

// --- applications
await applications({ base, page, person, look, check, mailTo });

// --- registries
await registries({ base, page, person, look, check, mailTo });

// --- everyday tasks, counted in clicks
await tasks({ base, page, look, check });

// --- members and their roles
await page.goto(`${base}/members`);
await page.getByLabel("Name", { exact: false }).first().fill("Vera Viewer");
await page.getByLabel("E-mail").fill("vera@acme.example");
await page.locator("#role").selectOption("viewer");
await page.getByRole("button", { name: "Invite", exact: true }).click();
await page.locator(".done", { hasText: "Invited." }).waitFor();
await look(page, "members");
const viewer = await person();
await viewer.page.goto(await mailTo("vera@acme.example", "You are invited"));
await look(viewer.page, "invitation");
await viewer.page.getByLabel("Password").fill("another long password");
await viewer.page.getByLabel("Once more").fill("another long password");
await viewer.page.getByRole("button", { name: "Set the password" }).click();
await viewer.page.waitForURL(`${base}/`);
for (const path of ["/products/new", "/licenses/new", "/customers/new"]) {
  const answer = await viewer.page.goto(`${base}${path}`);
  check(`a viewer may not open ${path}`, answer.status() === 403, answer.status());
}
await look(viewer.page, "forbidden");
await viewer.page.goto(`${base}/members`);
check("a viewer sees the members", await viewer.page.getByText("ada@acme.example").isVisible());

// --- tokens, settings, the log, a lost password
await page.goto(`${base}/tokens`);
await page.getByRole("link", { name: "New token" }).click();
await look(page, "confirm");
await page.getByLabel("Password").fill("wrong wrong wrong");
await page.getByRole("button", { name: "Confirm" }).click();
check("a wrong password confirms nothing", await page.getByText("is not your password").first().isVisible());
await confirm(page);
check("and then one is back", page.url() === `${base}/tokens`, page.url());
await page.getByLabel("Name").fill("CI");
await page.getByLabel("licenses:read").check();
await page.getByRole("button", { name: "Create token" }).click();
check("a token is shown once", (await page.locator("#secret").textContent()).startsWith("kw_mgmt_"));
await look(page, "tokens");
await page.reload();
check("a reload shows no token", await page.getByText("It was shown once").isVisible());
await look(page, "shown-once");
await page.goto(`${base}/settings`);
await look(page, "settings");
await page.getByRole("link", { name: "Mail notices" }).click();
await page.getByLabel("Days before the end").fill("30, soon");
await page.getByRole("button", { name: "Save changes" }).click();
check("days are numbers", await page.getByText("must be whole numbers").first().isVisible());
await page.getByLabel("Days before the end").fill("30, 14, 3");
await page.getByLabel("Tell the customers who hold them").check();
await page.getByRole("button", { name: "Save changes" }).click();
await page.locator(".done", { hasText: "Saved." }).waitFor();
await look(page, "notices");
await page.goto(`${base}/audit`);
await look(page, "audit");
await page.goto(`${base}/customers`);
await look(page, "customers");
await page.locator("tbody a").first().click();
await look(page, "customer");
for (const [name, place] of [["License Keys", "licenses"], ["Access", "access"], ["Settings", "settings"]]) {
  await page.getByRole("navigation", { name: "Customer" }).getByRole("link", { name }).click();
  await look(page, `customer-${place}`);
}
const csv = await page.request.get(`${base}/customers.csv`);
check("customers are exported", (await csv.body()).toString().startsWith("\ufeffid,name,email"));
await page.goto(`${base}/`);
await look(page, "dashboard");
const forged = await page.request.post(`${product}/archive`, { form: { csrf: "x" }, headers: { Origin: base } });
check("a forged form is refused", forged.status() === 403, forged.status());
const foreign = await page.request.post(`${product}/archive`, { form: {}, headers: { Origin: "https://evil.example" } });
check("a foreign form is refused", foreign.status() === 403, foreign.status());
// --- webhooks
await walkWebhooks({ base, page, look, check });

// --- an organization's own accounts, by a provider that was not written here
await walkAccounts({ base, page, person, look, check, confirm });

// --- the second factor
function code(secret) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((symbol) => alphabet.indexOf(symbol).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", key).update(counter).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
await page.goto(`${base}/settings/authenticator`);
await confirm(page);
await look(page, "authenticator");
const secret = await page.locator("#secret").textContent();
await page.getByLabel("Code that the app shows").fill("000000");
await page.getByRole("button", { name: "Turn it on" }).click();
check("a wrong code is refused", await page.getByText("does not fit").isVisible());
check("the secret stays the same", (await page.locator("#secret").textContent()) === secret);
await page.getByLabel("Code that the app shows").fill(code(secret));
await page.getByRole("button", { name: "Turn it on" }).click();
const recovery = (await page.locator("#codes").textContent()).trim().split(/\s+/);
check("there are recovery codes", recovery.length === 10);
await look(page, "recovery-codes");
await page.getByRole("button", { name: "Sign out" }).click();
await page.waitForURL(`${base}/sign-in`);
await look(page, "sign-in");
await page.getByLabel("E-mail").fill("ada@acme.example");
await page.getByLabel("Password").fill("correct horse battery");
await page.getByRole("button", { name: "Sign in", exact: true }).click();
check("the password alone is not enough", await page.getByText("six digits").isVisible());
await page.getByLabel("Password").fill("correct horse battery");
await page.getByLabel("Code", { exact: true }).fill(recovery[0]);
await page.getByRole("button", { name: "Sign in", exact: true }).click();
await page.waitForURL(`${base}/`);
await page.goto(`${base}/settings`);
await page.getByRole("link", { name: "Turn it off" }).click();
await page.getByRole("heading", { name: "Confirm it’s you" }).waitFor();
await look(page, "confirm-with-code");
await page.getByLabel("Password").fill("correct horse battery");
await page.getByLabel("Code", { exact: true }).fill(recovery[1]);
await page.getByRole("button", { name: "Confirm", exact: true }).click();
await page.waitForURL(`${base}/settings/authenticator/remove`);
await look(page, "second-factor-off");
await page.getByRole("button", { name: "Turn it off" }).click();
await page.locator(".done", { hasText: "The second factor is off." }).waitFor();
await page.getByRole("button", { name: "Sign out" }).click();
await page.waitForURL(`${base}/sign-in`);
await page.getByLabel("E-mail").fill("ada@acme.example");
await page.getByLabel("Password").fill("wrong wrong wrong");
await page.getByRole("button", { name: "Sign in", exact: true }).click();
check("a wrong password is refused", await page.getByText("don't fit").isVisible());
await page.getByRole("link", { name: "Forgot your password?" }).click();
await look(page, "forgot");
await page.getByLabel("E-mail").fill("ada@acme.example");
await page.getByRole("button", { name: "Send the link" }).click();
await page.getByText("a mail is on its way").waitFor();
await page.goto(await mailTo("ada@acme.example", "Set a new password"));
await page.getByLabel("Password").fill("a brand new password");
await page.getByLabel("Once more").fill("a brand new password");
await page.getByRole("button", { name: "Set the password" }).click();
await page.waitForURL(`${base}/`);
const cookies = await owner.context.cookies();
check("the cookie is out of reach of scripts", cookies.every((cookie) => cookie.httpOnly && cookie.sameSite === "Lax"));
const missing = await page.goto(`${base}/licenses/018f0000-0000-7000-8000-000000000000`);
check("what is not there is not there", missing.status() === 404, missing.status());
await look(page, "not-found");

await browser.close();
console.log(`browser: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
