// Verifies a Keyward license offline, with the package @keyward/token.
//
//   node verify.mjs JWKS_FILE PRODUCT_ID TOKEN [AUDIENCE [NOW]]
//
// JWKS_FILE has the vendor's public keys, as /o/ORGANIZATION/jwks.json gives them; PRODUCT_ID is that of the application, or
// `any`. Prints the claims and ends 0, or the reason and ends 1. A vendor would put keys and product into the program and
// the token into LICENSE_KEY. NOW, in seconds since 1970, is for tests.
import { readFileSync } from 'node:fs';
import { ANY_PRODUCT, Keyring, Verifier, pasted } from '@keyward/token';

const [jwksFile, product, token, audience, now] = process.argv.slice(2);
if (!token) {
  console.error('usage: node verify.mjs JWKS_FILE PRODUCT_ID|any TOKEN [AUDIENCE [NOW]]');
  process.exit(2);
}
const keys = Keyring.fromJwks(readFileSync(jwksFile, 'utf8'));
const verifier = new Verifier(keys, product === 'any' ? ANY_PRODUCT : product, { audience });
try {
  console.log(verifier.verify(pasted(token), now && Number(now)).json);
} catch (error) {
  console.error(`${error.code ?? error.name}: ${error.message}`);
  process.exitCode = 1;
}
