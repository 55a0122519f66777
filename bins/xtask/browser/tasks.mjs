// What people come for, each counted in clicks from the dashboard; and what every page has: the search, and care for what is typed.

export async function tasks({ base, page, look, check }) {
  let clicks = 0;
  const click = async (target) => {
    clicks += 1;
    await target.click();
  };

  // --- a key is made and handed over
  await page.goto(base);
  await click(page.getByRole("link", { name: "Create new key" }));
  await page.getByLabel("E-mail").fill("it@example.com");
  await page.getByText("already. You can go on all the same").waitFor();
  check("who has the address already is hinted at", true);
  await page.getByLabel("E-mail").fill("task@example.org");
  await page.getByLabel("Name", { exact: false }).first().fill("Task Ltd");
  await page.getByLabel("Seats").fill("5");
  await click(page.getByRole("button", { name: "Create customer" }));
  await click(page.getByRole("button", { name: "Mail it to task@example.org" }));
  await page.locator(".done", { hasText: "Mailed." }).waitFor();
  check("a key is made and handed over in 6 clicks", clicks <= 6, clicks);
  check("its token is there to be shared by hand", (await page.locator("#token-text").textContent()).split(".").length === 3);
  for (const language of ["Rust", "Node.js", "Python", "Go", "curl"]) {
    await page.getByText(language, { exact: true }).click();
  }
  check("code has the key filled in", (await page.locator("#snippet-curl").textContent()).includes(await page.locator("#key").textContent()));
  await look(page, "license-snippets");

  // --- why can a customer not pull?
  clicks = 0;
  await page.goto(base);
  await page.keyboard.press("/");
  await page.keyboard.type("Fourth Buyer");
  await page.locator("#found a", { hasText: "Fourth Buyer" }).first().waitFor();
  await look(page, "search-typing");
  await click(page.locator("#found a", { hasText: "Fourth Buyer" }).first());
  await page.getByRole("heading", { name: "Fourth Buyer", exact: true }).waitFor();
  await click(page.getByRole("link", { name: "Why can’t they pull something?" }));
  await page.getByLabel("Image").fill("acme/server:1.5.0");
  await click(page.getByRole("button", { name: "Check" }));
  check("a customer who can't pull is explained in 3 clicks", clicks <= 3 && await page.getByText("No:").isVisible(), clicks);
  check("with the reason", await page.getByText("no artifact entitlement or pull role covers it").first().isVisible());
  check("and what was refused", await page.getByRole("heading", { name: "Refused pulls" }).isVisible());
  await look(page, "customer-explained");

  // --- the search without a script is a page
  await page.keyboard.press("Control+k");
  check("Ctrl-K leads to the search", (await page.evaluate(() => document.activeElement.id)) === "find");
  await page.goto(`${base}/search?q=acme`);
  check("products are found", await page.locator(".hits").getByRole("link", { name: "Acme Server", exact: true }).isVisible());
  await look(page, "search");

  // --- what is typed and not sent is not lost by accident
  await page.goto(`${base}/customers/new`);
  await page.getByLabel("Name").fill("Half typed");
  let asked = false;
  page.once("dialog", async (dialog) => {
    asked = dialog.type() === "beforeunload";
    await dialog.dismiss();
  });
  await page.getByRole("link", { name: "Dashboard", exact: true }).click({ noWaitAfter: true });
  await page.waitForTimeout(500);
  check("who leaves a form that is typed in is asked", asked && page.url().endsWith("/customers/new"), page.url());
  page.once("dialog", (dialog) => dialog.accept());
  await page.goto(base);
  const asks = async (path, type) => {
    await page.goto(`${base}${path}`);
    await type();
    let told = false;
    const answer = async (dialog) => {
      told = dialog.type() === "beforeunload";
      await dialog.accept();
    };
    page.once("dialog", answer);
    await page.goto(base);
    page.off("dialog", answer);
    return told;
  };
  for (const [path, label] of [["/settings", "Name"], ["/webhooks", "Description"], ["/registries/new", "Name"], ["/members", "Name"]]) {
    check(`so it is at ${path}`, await asks(path, () => page.getByLabel(label).first().fill("Half typed")));
    check(`but not untouched at ${path}`, !(await asks(path, () => page.getByLabel(label).first().click())));
  }
  check("a search is nothing to be lost", !(await asks("/customers", () => page.getByRole("searchbox").last().fill("acme"))));
  check("what is sent back with a fault is not saved", await asks("/settings", async () => {
    await page.getByLabel("Blocked addresses").fill("nowhere");
    await page.getByRole("button", { name: "Save changes" }).click();
    await page.getByText("Nothing was saved").waitFor();
  }));

  // --- a phone
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole("button", { name: "Menu" }).click();
  check("a phone has the whole menu", await page.getByRole("link", { name: "Audit log" }).isVisible());
  await page.getByRole("link", { name: "Products", exact: true }).click();
  check("and the primary action in sight", await page.getByRole("link", { name: "New product" }).isVisible());
  await page.setViewportSize({ width: 1280, height: 900 });

  // --- an address that nothing is at
  const nowhere = await page.goto(`${base}/no/such/page`);
  check("an unknown address answers a page", nowhere.status() === 404 && await page.getByRole("heading", { name: "Nothing here" }).isVisible());
  const program = await page.request.get(`${base}/no/such/page`, { headers: { accept: "application/json" } });
  check("and a problem to programs", program.headers()["content-type"].includes("json"));
}
