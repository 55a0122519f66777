// Licenses, status lists and signed answers for an application's own tests, at any instant and without a server.
//
// The keys are in this file: never let an application trust them outside of its tests.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { canonical } from './json.js';
import { Keyring, PublicKey } from './keys.js';

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const encode = (data) => Buffer.from(data).toString('base64url');
const secret = (number) => createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.alloc(32, number)]), format: 'der', type: 'pkcs8' });
const publicKey = (number) => new PublicKey(createPublicKey(secret(number)).export({ format: 'der', type: 'spki' }).subarray(12));

// A vendor with one product, and keys that are the same in every run.
export class Vendor {
  #key = 1;

  constructor(productId) {
    this.productId = productId;
  }

  // The public keys: what the application is given.
  get keys() {
    return new Keyring(Array.from({ length: this.#key }, (_, index) => publicKey(index + 1)));
  }

  // The same as a JWK Set.
  get jwks() {
    return JSON.stringify({ keys: [...this.keys].map(({ kid, bytes }) => ({ kty: 'OKP', crv: 'Ed25519', x: encode(bytes), kid })) });
  }

  // Goes on with another key. What was signed before still verifies by the new `keys`.
  rotateKey() {
    this.#key += 1;
  }

  // A token of the product, without an end unless one is given. `listed` is `[index, uri]`: its index in the status list of an address.
  license(claims = {}, { issuedAt, endsAt, graceUntil, listed, anyProduct = false } = {}) {
    const keyward = { v: 1, org: 'test', customer: null, product: anyProduct ? null : this.productId, registry: [] };
    if (graceUntil !== undefined) keyward.ends = endsAt;
    return this.sign('JWT', JSON.stringify({
      iss: 'http://localhost', sub: '0192f0c1-7a00-7000-8000-000000000001', aud: ['license-key'],
      iat: issuedAt, nbf: issuedAt, exp: graceUntil ?? endsAt,
      status: listed && { status_list: { idx: listed[0], uri: listed[1] } }, keyward, ...claims,
    }));
  }

  // A list of the licenses 0 to 1,023, all valid but for `statuses`, by index: 1 is revoked, 2 suspended.
  statusList(uri, issuedAt, statuses = {}, { expiresAt, ttl } = {}) {
    const table = Buffer.alloc(256);
    for (const [index, value] of Object.entries(statuses)) table[index >> 2] |= value << ((index & 3) * 2);
    const lst = encode(deflateSync(table));
    return this.sign('statuslist+jwt', JSON.stringify({ sub: uri, iat: issuedAt, exp: expiresAt, ttl, status_list: { bits: 2, lst } }));
  }

  // What the server answers to a question. `members` are named as docs/validation.md names them.
  answer(question, signedAt, { status = 'active', ...members } = {}) {
    const signed = canonical({
      valid: status === 'active', status, expires: null, ip_registered: null, ip_count: null, max_ips: null, version: null,
      version_valid: null, custom: null, kid: publicKey(this.#key).kid, license_key: question.licenseKey, nonce: question.nonce,
      product_id: this.productId, signed_at: new Date(signedAt * 1000).toISOString().replace('.000', ''), ...members,
    });
    return `${signed.slice(0, -1)},"signature":"${encode(sign(null, Buffer.from(signed), secret(this.#key)))}"}`;
  }

  // A JWT of any claims, also of such that are refused.
  sign(typ, claims) {
    const signed = `${encode(`{"alg":"EdDSA","typ":"${typ}","kid":"${publicKey(this.#key).kid}"}`)}.${encode(claims)}`;
    return `${signed}.${encode(sign(null, Buffer.from(signed), secret(this.#key)))}`;
  }
}
