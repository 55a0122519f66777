// A registry from its creation to a pull: a key that is shown once, an entitlement with its preview, and what
// customers see of it. A real registry stands behind the gateway.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCustomer, issueLicense, signIn } from "./buyers.mjs";

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A registry that asks for nothing, on this machine alone. */
async function upstream() {
  const [folder, port] = [await mkdtemp(join(tmpdir(), "registry-")), await freePort()];
  const settings = `version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: ${join(folder, "data")}}, delete: {enabled: true}}
http: {addr: "127.0.0.1:${port}", relativeurls: true}
`;
  await writeFile(join(folder, "settings.yml"), settings);
  const program = spawn("docker-registry", ["serve", join(folder, "settings.yml")], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 100; tries += 1) {
    if (await fetch(`${url}/v2/`).then((answer) => answer.ok, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const stop = async () => {
    program.kill();
    await rm(folder, { recursive: true, force: true });
  };
  return { url, stop };
}

const digest = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** A client that logs in with a key or a license's token. */
function client(base, password) {
  const headers = { Authorization: `Basic ${Buffer.from(`customer:${password}`).toString("base64")}` };
  const ask = (path, options = {}) =>
    fetch(`${base}/v2/${path}`, { ...options, headers: { ...headers, "User-Agent": "docker/28.0.1", ...options.headers } });
  return {
    async push(repository, tag) {
      const blobs = [JSON.stringify({ architecture: "amd64", os: "linux", tag }), `layer of ${repository}:${tag}`.repeat(5000)];
      for (const blob of blobs) {
        const begun = await ask(`${repository}/blobs/uploads/`, { method: "POST" });
        const place = new URL(begun.headers.get("location"), `${base}/`);
        place.searchParams.set("digest", digest(blob));
        const path = `${place.pathname.replace(/^\/v2\//, "")}${place.search}`;
        await ask(path, { method: "PUT", body: blob, headers: { "Content-Type": "application/octet-stream" } });
      }
      const part = (blob, mediaType) => ({ mediaType, digest: digest(blob), size: blob.length });
      const mediaType = "application/vnd.oci.image.manifest.v1+json";
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType,
        config: part(blobs[0], "application/vnd.oci.image.config.v1+json"),
        layers: [part(blobs[1], "application/vnd.oci.image.layer.v1.tar")],
      });
      const put = { method: "PUT", body: manifest, headers: { "Content-Type": mediaType } };
      return (await ask(`${repository}/manifests/${tag}`, put)).status;
    },
    async pull(repository, tag) {
      const headers = { Accept: "application/vnd.oci.image.manifest.v1+json" };
      return (await ask(`${repository}/manifests/${tag}`, { headers })).status;
    },
  };
}

export async function registries({ base, page, person, look, check, mailTo }) {
  const behind = await upstream();
  try {
    await walk({ base, page, person, look, check, mailTo, behind });
  } finally {
    await behind.stop();
  }
}

/** Whether a text is on a page within seconds: what happens at registries is written in batches, beside the answers. */
async function soon(page, address, text) {
  for (let tries = 0; tries < 20; tries += 1) {
    await page.goto(address);
    if (await page.getByText(text).first().isVisible()) return true;
    await page.waitForTimeout(250);
  }
  return false;
}

async function walk({ base, page, person, look, check, mailTo, behind }) {
  // --- the vendor creates a registry
  await page.goto(base);
  await page.getByRole("link", { name: "Registries" }).click();
  await look(page, "registries-empty");
  await page.getByRole("link", { name: "Create the first registry" }).click();
  await look(page, "registry-new");
  await page.getByLabel("Name", { exact: false }).first().fill("Releases");
  await page.getByLabel("Upstream URL").fill("https://registry.internal.example");
  await page.getByLabel("Credential", { exact: true }).selectOption("token");
  await page.getByRole("button", { name: "Create registry" }).click();
  check("an upstream that nobody knows is told", await page.getByRole("alert").isVisible());
  await page.getByLabel("Upstream URL").fill(behind.url);
  await page.getByLabel("Credential", { exact: true }).selectOption("token");
  await page.getByRole("button", { name: "Create registry" }).click();
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  const registry = page.url().split("?")[0];
  const address = (await page.locator("#address").textContent()).trim();
  check("the host is the one to log in to", base.endsWith(address), address);
  await page.getByText("View the certificate").click();
  check("the certificate is there", (await page.locator("#certificate").textContent()).includes("BEGIN CERTIFICATE"));
  await look(page, "registry");
  await page.getByRole("navigation", { name: "Registry" }).getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Upstream URL").fill(behind.url);
  await page.getByLabel("Credential", { exact: true }).selectOption("none");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  await look(page, "registry-settings");

  // --- a key is shown once
  const tab = (name) => page.getByRole("navigation", { name: "Registry" }).getByRole("link", { name }).click();
  await tab("API Keys");
  await look(page, "registry-keys-empty");
  await page.getByRole("link", { name: "Generate New Key" }).click();
  check("a key only reads unless told", await page.getByLabel("Read (recommended)").isChecked());
  check("and ends in 90 days", (await page.getByLabel("Expires").inputValue()) === "90");
  await look(page, "registry-key-new");
  const generate = async (name, access, expiry) => {
    await page.goto(`${registry}/keys/new`);
    await page.getByLabel("Name", { exact: false }).first().fill(name);
    await page.getByLabel(access, { exact: true }).check();
    await page.getByLabel("Expires").selectOption(expiry);
    await page.getByRole("button", { name: "Generate", exact: true }).click();
    return (await page.locator("#secret").textContent()).trim();
  };
  const writer = await generate("ci-github-release", "Read/Write", "90");
  check("the key is there", writer.startsWith("kw_reg_"), writer);
  await look(page, "registry-key-made");
  await page.getByRole("link", { name: "I have copied it" }).click();
  check("and never again", !(await page.content()).includes(writer));
  const reader = await generate("cluster-berlin", "Read (recommended)", "never");
  check("a key without an end is warned of", await page.getByText("never expires").isVisible());
  for (const [repository, tags] of [["acme/server", ["1.4.2", "1.5.0", "2.0.0-rc.1"]], ["acme/charts/server", ["0.9.0"]]]) {
    for (const tag of tags) {
      const pushed = await client(base, writer).push(repository, tag);
      check(`${repository}:${tag} is pushed`, pushed === 201, pushed);
    }
  }
  check("a reader pulls", (await client(base, reader).pull("acme/server", "1.4.2")) === 200);
  check("and does not push", (await client(base, reader).push("acme/server", "bad")) === 403);
  check("its last use is told", await soon(page, `${registry}/keys`, "docker/28.0.1"));
  await look(page, "registry-keys");

  // --- a key that rotates by itself, and what is unusual
  await page.goto(`${registry}/keys`);
  await page.getByRole("link", { name: "Schedule of ci-github-release" }).click();
  await page.getByLabel("Rotate by itself").check();
  await page.getByLabel("Every so many days").fill("5");
  await page.getByRole("button", { name: "Save changes" }).click();
  check("the overlap is shorter", await page.getByText("must be fewer than the days between two rotations").first().isVisible());
  await page.getByLabel("Every so many days").fill("60");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  await look(page, "registry-key-rotation");
  const basic = `Basic ${Buffer.from(`ci:${writer}`).toString("base64")}`;
  const collected = await fetch(`${base}/registry/key`, { method: "POST", headers: { Authorization: basic } });
  check("nothing waits to be collected", collected.status === 200 && (await collected.json()).secret === null, collected.status);
  for (let tag = 0; tag < 20; tag += 1) await client(base, reader).push("acme/server", `refused-${tag}`);
  check("many refusals are told", await soon(page, `${base}/alerts`, "was refused"));
  await look(page, "alerts");
  await page.goto(base);
  await page.getByRole("link", { name: "1 open alert" }).click();
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.locator(".done", { hasText: "Acknowledged." }).waitFor();
  check("none is open any more", await page.getByText("No open alert").isVisible());
  await look(page, "alerts-acknowledged");
  await page.goto(`${registry}/keys`);

  // --- what is in it
  await tab("Artifacts");
  await look(page, "registry-artifacts");
  await page.getByRole("link", { name: "acme/server", exact: true }).click();
  check("a pull command is ready", await page.getByText(`docker pull ${address}/acme/server:1.4.2`).isVisible());
  await look(page, "artifact");
  await page.getByRole("link", { name: "History of 1.4.2" }).click();
  await look(page, "artifact-history");

  // --- two customers with a license each
  const buyers = [];
  for (const name of ["Third Buyer", "Fourth Buyer"]) {
    const email = `${name.split(" ")[0].toLowerCase()}@buyer.example`;
    const vendorPage = await createCustomer({ base, page }, name, email);
    const token = await issueLicense({ base, page }, `Server of ${name}`, name, "{}");
    const own = await signIn({ base, person, mailTo }, email);
    await own.getByRole("link", { name: "Images" }).click();
    check(`${name} sees all at first`, await own.getByText("docker pull").first().isVisible());
    buyers.push({ vendorPage, own, token, name });
  }
  const [first, second] = buyers;
  check("and pulls it", (await client(base, second.token).pull("acme/server", "1.5.0")) === 200);
  await look(first.own, "customer-images-open");

  // --- the first entitlement, with its preview
  await page.goto(first.vendorPage);
  await page.getByRole("link", { name: "Grant artifacts" }).click();
  await look(page, "artifact-grant");
  await page.getByLabel("Tags of acme/server", { exact: true }).selectOption("named");
  await page.getByText("Choose specific tags of acme/server").click();
  await page.getByLabel("1.4.2 of acme/server", { exact: true }).check();
  await page.getByLabel("Tags of acme/charts/server", { exact: true }).selectOption("all");
  await page.getByRole("button", { name: "Grant" }).click();
  const confirm = page.getByRole("button", { name: "Grant, and close" });
  await confirm.waitFor();
  check("it names who loses access", await page.getByRole("link", { name: second.name }).isVisible());
  check("and not who gains it", (await page.getByRole("list").getByRole("link", { name: first.name }).count()) === 0);
  await look(page, "artifact-grant-preview");
  check("nothing has changed yet", (await client(base, second.token).pull("acme/server", "1.5.0")) === 200);
  await confirm.click();
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  await look(page, "customer-with-artifacts");

  // --- the customer sees exactly it, and pulls exactly it
  await first.own.reload();
  const may = async (tag) => ({
    shown: (await first.own.getByText(`acme/server:${tag}`, { exact: false }).count()) > 0,
    pulled: (await client(base, first.token).pull("acme/server", tag)) === 200,
  });
  for (const [tag, right] of [["1.4.2", true], ["1.5.0", false], ["2.0.0-rc.1", false]]) {
    const { shown, pulled } = await may(tag);
    check(`${tag} is ${right ? "" : "not "}theirs`, shown === right && pulled === right, JSON.stringify({ shown, pulled }));
  }
  await first.own.getByText("Command with the license").click();
  const login = (await first.own.locator("#login-1-1").textContent()).trim();
  check("the login is ready", login === `docker login ${address} -u customer -p ${first.token}`, login);
  await look(first.own, "customer-images");
  await second.own.reload();
  check("the other sees nothing", await second.own.getByText("No image yet").isVisible());
  check("and pulls nothing", (await client(base, second.token).pull("acme/server", "1.4.2")) === 403);
  await look(second.own, "customer-images-empty");

  // --- what happened
  await page.goto(`${registry}/activity`);
  check("a refusal is told by name", await page.getByRole("link", { name: second.name }).first().isVisible());
  await look(page, "registry-activity");
  await page.getByLabel("Decision").selectOption("denied");
  await page.getByRole("button", { name: "Show" }).click();
  check("the filter holds", (await page.locator("tbody .pill.active").count()) === 0);
  const csv = await page.request.get(`${registry}/activity.csv?decision=denied`);
  check("and in the file", !(await csv.text()).includes(",allowed,") && (await csv.text()).includes("docker/28.0.1"));

  // --- an entitlement ends, a key is rotated and one revoked
  await page.goto(first.vendorPage);
  await page.getByRole("link", { name: /^Edit the entitlement/ }).click();
  await look(page, "artifact-entitlement");
  await page.getByRole("link", { name: "End it" }).click();
  await look(page, "artifact-entitlement-end");
  await page.getByRole("button", { name: "End the entitlement" }).click();
  await page.locator(".done", { hasText: "Ended" }).waitFor();
  check("the pull after is refused", (await client(base, first.token).pull("acme/server", "1.4.2")) === 403);
  await page.goto(`${registry}/keys`);
  await page.getByRole("link", { name: "Rotate cluster-berlin" }).click();
  await look(page, "registry-key-rotate");
  await page.getByLabel("Let the old secret live on for").selectOption("7");
  await page.getByRole("button", { name: "Rotate", exact: true }).click();
  const renewed = (await page.locator("#secret").textContent()).trim();
  for (const secret of [reader, renewed]) {
    check("both secrets work for a while", (await client(base, secret).pull("acme/server", "1.4.2")) === 200);
  }
  await page.goto(`${registry}/keys`);
  await page.getByRole("link", { name: "Revoke ci-github-release" }).click();
  await look(page, "registry-key-revoke");
  await page.getByRole("button", { name: "Revoke for ever" }).click();
  await page.locator(".done", { hasText: "Revoked" }).waitFor();
  const dead = await client(base, writer).pull("acme/server", "1.4.2");
  check("a revoked key is dead at once", dead === 401, dead);
  await page.goto(`${base}/registries`);
  await look(page, "registries");
}
