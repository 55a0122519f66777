// A vendor has a program of their own told what happens, and finds out why it is not.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

export async function walkWebhooks({ base, page, look, check }) {
  let status = 500;
  const received = [];
  const receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      response.writeHead(status).end(status === 500 ? "out of order" : "");
    });
  });
  await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${receiver.address().port}/keyward`;

  await page.goto(`${base}/webhooks`);
  await look(page, "webhooks-none");
  await page.getByLabel("URL").fill("ftp://hooks.example");
  await page.getByRole("button", { name: "Create endpoint" }).click();
  check("an endpoint is reached by HTTP", await page.getByText("must be http").first().isVisible());
  await page.getByLabel("URL").fill(url);
  await page.getByLabel("Description").fill("CRM");
  await page.getByRole("button", { name: "Create endpoint" }).click();
  const secret = await page.locator("#secret").textContent();
  check("the secret is shown once", secret.startsWith("whsec_"), secret);
  await page.getByRole("link", { name: "I have copied it" }).click();
  const endpoint = page.url();

  await page.getByRole("button", { name: "Send a test" }).click();
  await page.locator(".done", { hasText: "It is on its way." }).waitFor();
  const sent = page.url().split("?")[0];
  for (let tries = 0; tries < 50 && !(await page.getByText("out of order").isVisible()); tries += 1) {
    await page.waitForTimeout(200);
    await page.goto(sent);
  }
  check("a failed attempt is shown with its answer", await page.getByText("out of order").isVisible());
  await look(page, "webhook-message");
  status = 204;
  for (let tries = 0; tries < 100 && !(await page.locator("h1 + .pill.active").isVisible()); tries += 1) {
    await page.waitForTimeout(200);
    await page.goto(sent);
  }
  check("it is tried again within seconds", await page.locator("h1 + .pill.active").isVisible());
  const test = received.filter((one) => JSON.parse(one.body).type === "webhook.test");
  check("with the same id", test.length === 2 && test[0].headers["webhook-id"] === test[1].headers["webhook-id"]);
  check("and its signature is right", new Webhook(secret).verify(test[1].body, test[1].headers).type === "webhook.test");

  await page.goto(endpoint);
  await look(page, "webhook");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator(".done", { hasText: "Paused." }).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator(".done", { hasText: "Resumed." }).waitFor();
  await page.getByLabel("All events").uncheck();
  await page.getByRole("button", { name: "Save changes" }).click();
  check("an endpoint is told something", await page.getByText("choose at least one kind of event").first().isVisible());
  await page.getByLabel("license.*").check();
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.locator(".done", { hasText: "Saved." }).waitFor();
  await page.getByRole("link", { name: "Rotate the secret" }).click();
  await page.getByRole("button", { name: "Rotate the secret" }).click();
  check("a new secret is shown", (await page.locator("#secret").textContent()) !== secret);
  await page.goto(`${base}/webhooks`);
  await look(page, "webhooks");
  await page.getByRole("link", { name: url }).click();
  await page.getByRole("link", { name: "Delete endpoint" }).click();
  await look(page, "webhook-delete");
  await page.getByRole("button", { name: "Delete endpoint" }).click();
  await page.locator(".done", { hasText: "Removed." }).waitFor();
  receiver.close();
}
