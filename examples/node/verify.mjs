// Verifies a Keyward license offline.
//
//   node verify.mjs JWKS_FILE PRODUCT_ID TOKEN [AUDIENCE [NOW]]
//
// JWKS_FILE has the vendor's public keys, as /o/ORGANIZATION/jwks.json gives them; PRODUCT_ID is that of the application, or
// `any`. Prints the claims and ends 0, or the reason and ends 1. A vendor would put keys and product into the program and
// the token into LICENSE_KEY. NOW, in seconds since 1970, is for tests.
import { readFile } from 'node:fs/promises';
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from 'jose';
import { pasted } from './pasted.mjs';
import { strictObject } from './strict.mjs';

// For tools. An application names its product: all products of a vendor have the same keys and the same audience.
export const ANY_PRODUCT = Symbol('any product');

// The claims of a token, if it was signed by one of the keys, is for the product and is valid now.
export async function verify(keys, token, { product, audience = 'license-key', now = Date.now() / 1000 }) {
  if (product !== ANY_PRODUCT && (typeof product !== 'string' || product === '')) throw new TypeError('name a product');
  const parts = token.split('.');
  const canonical = (part) => part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
  if (parts.length !== 3 || !parts.every(canonical)) throw new Error('not a token');
  const [header, claims] = parts.slice(0, 2).map((part) => utf8(Buffer.from(part, 'base64url')));
  checkHeader(strictObject(header).value, header);
  if (SMALL_ORDER.has(Buffer.from(parts[2], 'base64url').toString('hex', 0, 32))) throw new Error('a crafted signature');
  const currentDate = new Date(now * 1000);
  const options = { audience, algorithms: ['EdDSA', 'Ed25519'], typ: 'JWT', currentDate };
  await jwtVerify(token, (head) => find(keys, head.kid), options);
  const checked = checkClaims(strictObject(claims));
  if (product !== ANY_PRODUCT && checked.keyward?.product !== product) throw new Error('for another product, or for none');
  return checked;
}

// The keys by their id, from a JWK Set.
export async function readKeys(text) {
  const { value } = strictObject(pasted(text));
  const ours = value.keys.filter((key) => key.kty === 'OKP' && key.crv === 'Ed25519');
  const set = createLocalJWKSet({ keys: ours });
  const found = ours.map(async (key) => {
    const kid = await calculateJwkThumbprint(key);
    return [kid, await set({ alg: 'EdDSA', kid: key.kid })];
  });
  return new Map(await Promise.all(found));
}

// Points of small order, which no honest signature begins with, and which OpenSSL lets pass (docs/token-format.md §3).
const SMALL_ORDER = new Set(['00', '01'].map((low) => low + '00'.repeat(31)).concat([
  '00'.repeat(31) + '80', 'ec' + 'ff'.repeat(30) + '7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
]));

function find(keys, kid) {
  // Without an id, only if there is nothing to choose from.
  const key = kid === undefined && keys.size === 1 ? [...keys.values()][0] : keys.get(kid);
  if (key === undefined) throw new Error('signed by an unknown key');
  return key;
}

function checkHeader(head, text) {
  if (Buffer.byteLength(text) > 768 || head.typ !== 'JWT') throw new Error('not a license token');
  for (const name of ['crit', 'jwk', 'jku', 'x5u', 'x5c', 'zip', 'b64', 'enc']) {
    if (name in head) throw new Error(`not a license token: ${name}`);
  }
}

// The registered claims have the types of docs/token-format.md §7; what they are not is refused, never passed over.
function checkClaims({ value: claims, texts }) {
  const is = {
    text: (value) => typeof value === 'string',
    texts: (value) => Array.isArray(value) && value.every(is.text),
    object: (value) => value !== null && typeof value === 'object' && !Array.isArray(value),
    index: (value) => Number.isInteger(value) && value >= 0,
    // The end by the contract, which the grace follows until `exp`.
    endBefore: (value, exp) => value === undefined || (is.index(value) && value <= exp),
    textOrNull: (value) => value === undefined || value === null || is.text(value),
  };
  const check = (name, fits) => {
    if (name in claims && !fits(claims[name])) throw new Error(`the claim ${name} is invalid`);
  };
  for (const name of ['iss', 'sub', 'jti']) check(name, is.text);
  check('aud', (aud) => is.text(aud) || is.texts(aud));
  for (const name of ['iat', 'nbf', 'exp']) {
    check(name, () => /^\d+$/.test(texts.get(name)) && claims[name] <= 253402300799);
  }
  check('status', (status) => is.object(status)
    && (!('status_list' in status) || (is.index(status.status_list?.idx) && is.text(status.status_list?.uri))));
  check('keyward', (keyward) => is.object(keyward) && keyward.v === 1 && is.text(keyward.org)
    && is.textOrNull(keyward.customer) && is.textOrNull(keyward.product)
    && (!('registry' in keyward) || is.texts(keyward.registry)) && is.endBefore(keyward.ends, claims.exp));
  return claims;
}

function utf8(bytes) {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

async function main([jwksFile, product, token, audience, now]) {
  if (!token) {
    console.error('usage: node verify.mjs JWKS_FILE PRODUCT_ID|any TOKEN [AUDIENCE [NOW]]');
    return 2;
  }
  const keys = await readKeys(await readFile(jwksFile, 'utf8'));
  const expected = { product: product === 'any' ? ANY_PRODUCT : product, audience, now: now && Number(now) };
  try {
    console.log(JSON.stringify(await verify(keys, pasted(token), expected)));
    return 0;
  } catch (error) {
    console.error(`${error.code ?? error.name}: ${error.message}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
