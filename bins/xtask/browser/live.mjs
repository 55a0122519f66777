// One page that stays open while things happen at another server: it shows them, and is told no more once the session has ended.
//
//     node live.mjs SETUP_LINK OTHER_SERVER SCREENSHOT

import { chromium } from "playwright-core";

const [setup, other, screenshot] = process.argv.slice(2);
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
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
page.on("pageerror", (error) => check("no script error", false, error));
page.on("console", (message) => {
  if (message.type() === "error" && !message.text().includes("status of 4")) check("no console error", false, message.text());
});

await page.goto(setup);
await page.getByLabel("Organization").fill("Acme");
await page.getByLabel("Your name").fill("Ada");
await page.getByLabel("Your e-mail").fill("ada@acme.example");
await page.getByLabel("Password").fill("correct horse battery");
await page.getByLabel("Once more").fill("correct horse battery");
await page.getByRole("button", { name: "Create the organization" }).click();
await page.waitForURL(`${base}/`);

await page.goto(`${base}/audit`);
await page.evaluate(() => { window.same = true; });
// Another tab of the same person, at the other server: cookies do not know ports.
const elsewhere = await context.newPage();
const create = async (name) => {
  await elsewhere.goto(`${other}/customers/new`);
  await elsewhere.getByLabel("Name").fill(name);
  await elsewhere.getByLabel("E-mail").fill("buyer@customer.example");
  await elsewhere.getByRole("button", { name: /create|add|save/i }).last().click();
  await elsewhere.waitForURL((url) => !url.pathname.endsWith("/new"));
};
// Chromium hides the page that is not in front from itself; two windows are both seen.
await page.bringToFront();
await create("Globex");
await page.bringToFront();
const began = Date.now();
await page.getByText("Globex").first().waitFor({ timeout: 15000 });
check("what another server writes is shown", Date.now() - began < 10000, `${Date.now() - began} ms`);
check("without a reload", await page.evaluate(() => window.same === true));
console.log(`shown after ${Date.now() - began} ms`);
if (screenshot) await page.screenshot({ path: screenshot });

// Whoever is at a link in the part is not thrown out of it.
const link = page.locator("#live a").first();
await link.focus();
const focused = await link.getAttribute("href");
await create("Initech");
await page.bringToFront();
await page.waitForTimeout(4000);
const still = await page.evaluate(() => document.activeElement.getAttribute("href"));
check("the focus stays", still === focused, still);
await page.evaluate(() => document.activeElement.blur());
await page.getByText("Initech").first().waitFor({ timeout: 15000 });

// Signed out at the other server.
await elsewhere.getByRole("button", { name: "Sign out" }).click();
await page.bringToFront();
const stream = await page.request.get(`${base}/live/audit`);
check("nobody is told anything without a session", stream.status() === 401, stream.status());

await browser.close();
console.log(`live: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
