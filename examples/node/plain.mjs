// That any library for JWT verifies a license, too: jose.
//
//   node plain.mjs JWKS_FILE PRODUCT_ID TOKEN [AUDIENCE]
//
// What is missing here is in the package: strictness about what two readers would take differently, revocation, health, answers, clocks.
import { readFileSync } from 'node:fs';
import { createLocalJWKSet, jwtVerify } from 'jose';

const [jwksFile, product, token, audience = 'license-key'] = process.argv.slice(2);
const jwks = createLocalJWKSet(JSON.parse(readFileSync(jwksFile, 'utf8')));
try {
  const { payload } = await jwtVerify(token, jwks, { audience, algorithms: ['EdDSA'], typ: 'JWT' });
  if (product !== 'any' && payload.keyward?.product !== product) throw new Error('a license of another product, or of none');
  console.log(JSON.stringify(payload));
} catch (error) {
  console.error(`${error.code ?? error.name}: ${error.message}`);
  process.exitCode = 1;
}
