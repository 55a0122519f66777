// From no host to a running application, as a new customer: with the pages, and one command pasted on the host.
//
//     node deploying.mjs SERVER MAIL_FOLDER CUSTOMER OWNER [SCREENSHOT_FOLDER]
//
// AGENT is the program that a host would fetch, DOCKER_SOCKET the engine's; the agent takes the rest of its environment from here.

import { spawn, spawnSync } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { createServer, get } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { signIn } from "./buyers.mjs";
import { mailbox } from "./mail.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [base, mails, customer, owner, screenshots] = process.argv.slice(2);
const { AGENT, DOCKER_SOCKET } = process.env;
let passed = 0;
let failed = 0;

function check(what, right, seen = "") {
  if (right) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAILED ${what}: ${typeof seen === "string" ? seen : JSON.stringify(seen)}`);
  }
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

async function person() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.on("pageerror", (error) => check("no script error", false, String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("status of 4")) check("no console error", false, message.text());
  });
  return { context, page };
}

let shot = 0;

// What axe-core finds, whether it fits, and a picture at both widths.
async function look(page, name) {
  await page.evaluate(axe);
  const result = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const found = result.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(" | ")}`);
  check(`axe on ${name}`, found.length === 0, found.join("\n  "));
  const number = String((shot += 1)).padStart(2, "0");
  for (const [suffix, width, height] of [["-phone", 390, 844], ["", 1280, 900]]) {
    await page.setViewportSize({ width, height });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
    check(`${name}${suffix} does not scroll sideways`, !wide);
    if (!screenshots) continue;
    await mkdir(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `deploying-${number}-${name}${suffix}.png`), fullPage: true });
  }
}

const mailTo = mailbox(mails);

// What the engine has, by its own API.
function engine(path) {
  return new Promise((resolve, reject) => {
    get({ socketPath: DOCKER_SOCKET, path }, (response) => {
      let text = "";
      response.on("data", (part) => { text += part; });
      response.on("end", () => resolve(JSON.parse(text)));
    }).on("error", reject);
  });
}

const containers = async () => engine(`/containers/json?all=1&filters=${encodeURIComponent('{"label":["dev.keyward.deployment"]}')}`);

async function environmentOf(container) {
  const { Config: { Env } } = await engine(`/containers/${container.Id}/json`);
  return Object.fromEntries(Env.map((line) => line.split(/=(.*)/s).slice(0, 2)));
}

const pill = (page) => page.locator("#live .head .pill");

async function stands(page, words, what) {
  try {
    await pill(page).getByText(words, { exact: true }).waitFor({ timeout: 90000 });
    check(what, true);
  } catch {
    check(what, false, await page.locator("#live").innerText());
  }
}

// A port that nothing listens at.
function freePort() {
  return new Promise((resolve) => {
    const listener = createServer().listen(0, "127.0.0.1", () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });
}

let clicks = 0;
async function click(place) {
  clicks += 1;
  await place.click();
}

let agent;
try {
  const page = await signIn({ base, person, mailTo }, customer);
  await click(page.getByRole("link", { name: "Targets" }));
  await look(page, "targets");
  await page.getByLabel("Name").fill("production");
  await click(page.getByRole("button", { name: "Add target" }));
  const command = (await page.locator("#join").innerText()).trim();
  check("one command, with the program and the code", /curl .*agent\/keyward-agent.*join http\S+ kw_join_\w+$/.test(command), command);
  await look(page, "target-command");

  // What the command does on the host, but for the installation.
  const [, url, code] = command.match(/join (\S+) (\S+)/);
  const joined = spawnSync(AGENT, ["join", url, code, "--no-service"], { encoding: "utf8" });
  check("the host joins", joined.status === 0, joined.stdout + joined.stderr);
  const fingerprint = joined.stdout.match(/Fingerprint: (\S+)/)?.[1];
  agent = spawn(AGENT, ["run"], { stdio: ["ignore", "inherit", "inherit"] });
  await stands(page, "connected", "the page turns by itself");
  check("with the fingerprint of the terminal", (await page.locator("#live").innerText()).includes(fingerprint), fingerprint);
  await look(page, "target");
  const again = spawnSync(AGENT, ["join", url, code, "--no-service", "--replace"], { encoding: "utf8" });
  check("the code works once", again.status !== 0, again.stdout + again.stderr);

  // The example, with nothing but the pages.
  await click(page.getByRole("link", { name: "Deploy an application" }));
  await look(page, "choose");
  await click(page.getByRole("link", { name: "Deploy 1.0.0" }));
  await look(page, "deploy");
  const port = await freePort();
  await page.getByLabel("Name").fill("Example");
  await page.getByLabel("PORT").fill(String(port));
  const began = Date.now();
  await click(page.getByRole("button", { name: "Deploy", exact: true }));
  await stands(page, "running", "it runs");
  console.log(`from the click to running: ${Date.now() - began} ms, ${clicks} clicks, 1 paste`);
  check("within 8 clicks", clicks <= 8, clicks);
  await look(page, "running");
  const service = await fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.json()).catch(String);
  check("the service is licensed to its customer", service.customer !== undefined && service.code === undefined, service);
  await page.getByRole("link", { name: "Remove" }).click();
  await page.getByRole("button", { name: /^Remove/ }).click();
  await stands(page, "ended", "the example is removed");

  // Another one, in versions that something is wrong with.
  await page.goto(`${base}/portal/deploy`);
  await page.getByText("Earlier versions").click();
  await page.getByRole("link", { name: "1.0.0", exact: true }).click();
  await page.getByLabel("GREETING").fill("it's \"quoted\" # $HOME");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await stands(page, "running", "it runs too");
  const deployment = page.url().split("?")[0];
  const [first] = await containers();
  check("one container", (await containers()).length === 1, await containers());
  const environment = await environmentOf(first);
  check("values arrive as they were typed", environment.GREETING === "it's \"quoted\" # $HOME", environment.GREETING);
  check("the license is in its place", /^eyJ/.test(environment.LICENSE_KEY ?? ""), environment.LICENSE_KEY);
  check("of the image that was pushed, by digest", /@sha256:|^sha256:/.test(first.Image), first.Image);

  // A version that does not become healthy.
  const update = async (version, button) => {
    await page.goto(`${deployment}/change?version=${version}`);
    await page.getByRole("button", { name: button }).click();
    await page.waitForURL(/done=ordered/);
  };
  await update("1.1.0", "Update to 1.1.0");
  await stands(page, "rolled back", "what is unhealthy is rolled back");
  await look(page, "rolled-back");
  const text = await page.locator("#live").innerText();
  check("it says which revision runs", /revision 1 is running again/i.test(text), text);
  const [back] = await containers();
  check("the version before runs", (await environmentOf(back)).VERSION === "1.0.0");

  // One that never is carried out, and one that the host's owner has to allow.
  await page.goto(`${deployment}/change?version=1.3.0`);
  await look(page, "refused");
  check("what builds is refused before anybody orders it", (await page.getByText("No agent deploys this version").count()) > 0);
  await update("1.2.0", "Update to 1.2.0");
  await stands(page, "blocked", "needs block");
  await look(page, "blocked");
  const allow = (await page.locator("#live pre code").first().innerText()).trim();
  check("the page says the command", /keyward-agent allow \S+ cap:NET_ADMIN$/.test(allow), allow);
  const words = allow.split(/\s+/);
  const consent = spawnSync(AGENT, words.slice(words.indexOf("allow")), { encoding: "utf8" });
  check("the host's owner allows it", consent.status === 0, consent.stdout + consent.stderr);
  const retry = page.getByRole("button", { name: "Try again" });
  if (await retry.count()) await retry.click();
  await stands(page, "running", "then it runs");
  check("the new version", (await environmentOf((await containers())[0])).VERSION === "1.2.0");

  await page.getByRole("link", { name: "Go back to it (revision 1)" }).click();
  await look(page, "roll-back");
  await page.getByRole("button", { name: "Go back to revision 1" }).click();
  await stands(page, "running", "a person goes back");
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await environmentOf((await containers())[0])).VERSION === "1.0.0") break;
    await page.waitForTimeout(200);
  }
  check("to the version of then", (await environmentOf((await containers())[0])).VERSION === "1.0.0");

  await page.getByRole("link", { name: "Stop" }).click();
  await look(page, "stop");
  await page.getByRole("button", { name: "Stop Production" }).click();
  await stands(page, "stopped", "it stops");
  check("nothing of it runs", (await containers()).every((one) => one.State !== "running"), await containers());
  await page.getByRole("button", { name: "Start" }).click();
  await stands(page, "running", "it starts again");
  check("its containers too", (await containers()).every((one) => one.State === "running"), await containers());
  const started = await page.locator("#live").innerText();
  check("and its checks pass", started.includes("Every health check passes"), started);

  // The vendor sees the same, and changes nothing.
  const { page: vendor } = await person();
  await vendor.goto(`${base}/forgot`);
  await vendor.getByLabel("E-mail").fill(owner);
  await vendor.getByRole("button").last().click();
  await vendor.goto(await mailTo(owner, "password"));
  await vendor.getByLabel("New password").or(vendor.getByLabel("Password")).first().fill("correct horse battery");
  await vendor.getByLabel("Once more").fill("correct horse battery");
  await vendor.getByRole("button").last().click();
  await vendor.goto(`${base}/deployments`);
  await look(vendor, "vendor-deployments");
  await vendor.getByRole("link", { name: "Production", exact: true }).click();
  await look(vendor, "vendor-deployment");
  const seen = await vendor.locator("#main").innerText();
  check("the vendor sees the version and no value", seen.includes("1.0.0") && !seen.includes("quoted"), seen);

  await page.getByRole("link", { name: "Remove" }).click();
  await look(page, "remove");
  await page.getByLabel("Delete its data too").check();
  await page.getByRole("button", { name: "Remove Production" }).click();
  check("data goes only by its name", (await page.locator(".alert").count()) > 0);
  await page.getByLabel(/type the name/).fill("Production");
  await page.getByLabel("Delete its data too").check();
  await page.getByRole("button", { name: "Remove Production" }).click();
  await stands(page, "ended", "it is removed");
  check("no container is left", (await containers()).length === 0, await containers());
  const { Volumes } = await engine("/volumes");
  check("and no data", !(Volumes ?? []).some((one) => one.Name.startsWith("kw-server")), Volumes);

  await page.goto(`${base}/portal/targets`);
  await page.getByRole("link", { name: "production" }).click();
  await page.getByRole("link", { name: "Release target" }).click();
  await look(page, "release");
  await page.getByRole("button", { name: "Release production" }).click();
  await stands(page, "released", "the target is released");
} catch (error) {
  check("the journey goes on", false, error.stack);
} finally {
  agent?.kill("SIGTERM");
  await browser.close();
}

console.log(`deploying: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
