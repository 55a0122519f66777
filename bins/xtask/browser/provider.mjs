// An OpenID provider that was not written here (oidc-provider, certified by the OpenID Foundation), for the
// journeys. Its accounts are whatever address one types; addresses of unverified.example are not verified.

import { Provider } from "oidc-provider";

export const CLIENT = { id: "keyward", secret: "a+secret/of=signs%" };

// Starts it on a free port of this machine, for the server at `base`.
export async function startProvider(base) {
  const { createServer } = await import("node:http");
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [`${base}/openid/return`] },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    pkce: { required: () => true },
    cookies: { keys: ["for the journeys"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id, email_verified: !id.endsWith("@unverified.example") }),
    }),
  });
  server.on("request", provider.callback());
  return { issuer, stop: () => server.close() };
}
