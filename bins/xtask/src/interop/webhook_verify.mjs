// Verifies a message with the `standardwebhooks` of npm: node webhook_verify.mjs SECRET HEADERS BODY
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const { Webhook } = require("standardwebhooks");
const [secret, headers, body] = process.argv.slice(2);
new Webhook(secret).verify(body, JSON.parse(headers));
console.log("valid");
