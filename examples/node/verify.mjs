// Verifies a Keyward license offline.
//
//   node verify.mjs KEY_FILE TOKEN [AUDIENCE]
//
// KEY_FILE is the vendor's public key as PEM or as a JWK Set. Prints the claims and ends 0, or the reason and
// ends 1. A vendor would put the key into the program and the token into LICENSE_KEY.
import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, importSPKI, jwtVerify } from 'jose';

const [keyFile, token, audience = 'license-key'] = process.argv.slice(2);
if (!token) {
  console.error('usage: node verify.mjs KEY_FILE TOKEN [AUDIENCE]');
  process.exit(2);
}

const text = await readFile(keyFile, 'utf8');
const key = text.trimStart().startsWith('{')
  ? createLocalJWKSet(JSON.parse(text))
  : await importSPKI(text, 'EdDSA');

try {
  const { payload } = await jwtVerify(token, key, { audience, algorithms: ['EdDSA'], typ: 'JWT' });
  console.log(JSON.stringify(payload));
} catch (error) {
  console.error(`${error.code}: ${error.message}`);
  process.exit(1);
}
