// The mail that a server has written, as files.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Waits for the latest mail to an address with words in it; gives the link that it holds. */
export function mailbox(folder) {
  return async function mailTo(address, words, path = "/link/") {
    for (let tries = 0; tries < 200; tries += 1) {
      const files = await readdir(folder).catch(() => []);
      for (const file of files.sort().reverse()) {
        const text = await readFile(join(folder, file), "utf8");
        if (text.includes(`To: ${address}`) && text.includes(words)) {
          return text.replaceAll("=\r\n", "").replaceAll("=3D", "=").match(new RegExp(`https?://\\S+${path}\\S+`))[0];
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`no mail to ${address}`);
  };
}
