// Tokens: JWT and PASETO v4.public.
import { VerifyError } from './errors.js';
import { decode, integer, isObject, own, readObject, utf8 } from './json.js';
import { AuthenticLicense, License } from './license.js';

export const LICENSE_AUDIENCE = 'license-key';

// For tools, and for a vendor of one application: licenses of whatever product, and of none.
export const ANY_PRODUCT = Symbol('any product');

export const LAST = 253402300799; // the end of 9999
const U64 = 2n ** 64n;
const REFUSED = ['crit', 'jwk', 'jku', 'x5u', 'x5c', 'zip', 'b64', 'enc'];

// Checks tokens against keys and expectations (docs/token-format.md, section 8).
//
// `product` is the id of the product that the application is: all products of a vendor have the same keys and the same audience, so
// nothing else tells the license of a cheap one from that of an expensive one.
export class Verifier {
  #told;

  constructor(keys, product, {
    orProducts = [], orWithoutProduct = false, issuers = [], audience = LICENSE_AUDIENCE, organization, subject, leewaySeconds = 0,
    maxTokenBytes = 65_536,
  } = {}) {
    if (product !== ANY_PRODUCT && typeof product !== 'string') throw new TypeError('name a product, or say ANY_PRODUCT');
    const products = product === ANY_PRODUCT ? null : [product, ...orProducts];
    this.keys = keys;
    this.#told = { products, orWithoutProduct, issuers: [...issuers], audience, organization, subject, leewaySeconds, maxTokenBytes };
    Object.freeze(this);
  }

  // The license of a token at a second of the Unix clock, the present unless it is named. Throws a VerifyError.
  verify(token, now) {
    const at = seconds(now);
    const checked = this.#checked(token);
    const [nbf, exp] = [own(checked.claims, 'nbf'), own(checked.claims, 'exp')];
    if (nbf !== undefined && at < nbf - this.#told.leewaySeconds) {
      throw new VerifyError('not_yet_valid', `the token is not valid until ${text(nbf)}`);
    }
    if (exp !== undefined && at >= exp) throw new VerifyError('expired', `the token has expired at ${text(exp)}`);
    return new License(checked, this.#told.leewaySeconds, checked.kid, checked.format);
  }

  // All of the checks but the times, for the health of a license that may have ended or not begun.
  authenticate(token) {
    const { claims, status } = this.#checked(token);
    return new AuthenticLicense(claims, this.#told.leewaySeconds, status);
  }

  #checked(token) {
    const limit = this.#told.maxTokenBytes;
    if (Buffer.byteLength(token) > limit) throw new VerifyError('too_large', `the token is longer than ${limit} bytes`);
    const format = /^v[1-9]\./.test(token) ? 'paseto' : 'jwt';
    const { key, payload } = format === 'paseto' ? openPaseto(token, this.keys) : openJwt(token, 'JWT', this.keys);
    const { json, value: claims, texts, numbers } = readClaims(payload);
    const status = checkTypes(claims, numbers, format);
    this.#checkExpected(claims);
    return { claims, texts, json, status, kid: key.kid, format };
  }

  #checkExpected(claims) {
    const told = this.#told;
    const [keyward, aud] = [own(claims, 'keyward') ?? {}, own(claims, 'aud') ?? []];
    const refuse = (code, message) => {
      throw new VerifyError(code, message);
    };
    if (told.issuers.length > 0 && !told.issuers.includes(own(claims, 'iss'))) refuse('wrong_issuer', 'the token is by another issuer');
    if (told.audience !== null && !(Array.isArray(aud) ? aud : [aud]).includes(told.audience)) {
      refuse('wrong_audience', 'the token is for another audience');
    }
    if (told.organization !== undefined && own(keyward, 'org') !== told.organization) {
      refuse('wrong_organization', 'the token belongs to another organization');
    }
    const product = own(keyward, 'product') ?? null;
    if (told.products !== null && !(product === null ? told.orWithoutProduct : told.products.includes(product))) {
      const of = product === null ? 'no product in particular' : `another product, ${JSON.stringify(product)}`;
      refuse('wrong_product', `the license is for ${of}`);
    }
    if (told.subject !== undefined && own(claims, 'sub') !== told.subject) refuse('wrong_subject', 'the token is about another subject');
  }
}

export function seconds(now) {
  return Math.floor(now ?? Date.now() / 1000);
}

function text(at) {
  return new Date(at * 1000).toISOString();
}

function malformed(what) {
  return new VerifyError('malformed', `the token is malformed: ${what}. Was the text cleaned by \`pasted\`?`);
}

function decoded(part, what) {
  const bytes = decode(part);
  if (bytes === undefined) throw malformed(what);
  return bytes;
}

function object(bytes, what) {
  try {
    const json = utf8(bytes);
    return { json, ...readObject(json) };
  } catch {
    throw malformed(what);
  }
}

export function readClaims(payload) {
  return object(payload, 'payload');
}

// The key that has signed, and the payload.
export function openJwt(token, typ, keys) {
  const parts = token.split('.');
  if (parts.length !== 3 || parts.includes('')) throw malformed('not three parts');
  const key = find(keyName(parts[0], typ), keys);
  const signature = decoded(parts[2], 'signature');
  if (signature.length !== 64) throw malformed('signature');
  const payload = decoded(parts[1], 'payload');
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
  if (!key.verifies(signed, signature)) throw new VerifyError('bad_signature', "the token's signature is wrong");
  return { key, payload };
}

function keyName(part, typ) {
  if (part.length > 1024) throw malformed('header');
  const header = object(decoded(part, 'header'), 'header').value;
  // In the order in which they were written, but for names that look like numbers, which are none of these.
  for (const name of Object.keys(header)) {
    if (REFUSED.includes(name)) throw new VerifyError('refused_header', `the token's header has the member ${name}`);
    if (['alg', 'typ', 'kid'].includes(name) && typeof header[name] !== 'string') throw malformed('header');
  }
  if (!['EdDSA', 'Ed25519'].includes(own(header, 'alg'))) {
    throw new VerifyError('unsupported_algorithm', "the token's algorithm is not EdDSA");
  }
  if (own(header, 'typ') !== typ) throw new VerifyError('wrong_type', 'the token is another kind of document');
  return own(header, 'kid');
}

function find(kid, keys) {
  const key = kid === undefined ? keys.only : keys.get(kid);
  if (key === undefined) throw new VerifyError('unknown_key', `the token is signed by an unknown key${kid === undefined ? '' : `, ${kid}`}`);
  return key;
}

function openPaseto(token, keys) {
  if (!token.startsWith('v4.public.')) throw new VerifyError('unsupported_format', "the token's format is not supported");
  const [message, footer, ...more] = token.slice(10).split('.');
  if (message === '' || footer === '' || more.length > 0 || footer?.length > 1024) throw malformed('not a PASETO');
  const [data, foot] = [decoded(message, 'message'), decoded(footer ?? '', 'footer')];
  if (data.length <= 64) throw malformed('message');
  const kid = foot.length > 0 ? own(object(foot, 'footer').value, 'kid') : undefined;
  if (kid !== undefined && typeof kid !== 'string') throw malformed('footer');
  const key = find(kid, keys);
  const pieces = ['v4.public.', data.subarray(0, -64), foot, ''].map((piece) => Buffer.from(piece));
  const length = (number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(number));
    return bytes;
  };
  const signed = Buffer.concat([length(4), ...pieces.flatMap((piece) => [length(piece.length), piece])]);
  if (!key.verifies(signed, data.subarray(-64))) throw new VerifyError('bad_signature', "the token's signature is wrong");
  return { key, payload: data.subarray(0, -64) };
}

export function invalidClaim(name) {
  return new VerifyError('invalid_claim', `the claim ${name} is invalid`);
}

// The registered claims have the types of section 7; in a PASETO, instants become numbers and the audience an array. Gives the place of
// the revocation status.
function checkTypes(claims, numbers, format) {
  const isText = (value) => typeof value === 'string';
  const areTexts = (value) => Array.isArray(value) && value.every(isText);
  const check = (name, fits) => {
    if (Object.hasOwn(claims, name) && !fits(claims[name])) throw invalidClaim(name);
  };
  const instant = (name, holder, member, ...path) => {
    const value = format === 'jwt' ? integer(numbers, ...path, member) : fromRfc3339(holder[member]);
    if (value === undefined || value > LAST) throw invalidClaim(name);
    holder[member] = Number(value);
  };
  for (const name of ['iss', 'sub', 'jti']) check(name, isText);
  check('aud', (aud) => isText(aud) || areTexts(aud));
  for (const name of ['iat', 'nbf', 'exp']) if (Object.hasOwn(claims, name)) instant(name, claims, name);
  let place = null;
  check('status', (status) => {
    if (!isObject(status) || !Object.hasOwn(status, 'status_list')) return isObject(status);
    const list = status.status_list;
    const index = integer(numbers, 'status', 'status_list', 'idx');
    if (!isObject(list) || index === undefined || index >= U64 || !isText(own(list, 'uri'))) return false;
    place = Object.freeze({ index, uri: list.uri });
    return true;
  });
  check('keyward', (keyward) => isObject(keyward) && integer(numbers, 'keyward', 'v') === 1n && isText(own(keyward, 'org'))
    && ['customer', 'product'].every((name) => (own(keyward, name) ?? null) === null || isText(keyward[name]))
    && (!Object.hasOwn(keyward, 'registry') || areTexts(keyward.registry)));
  const keyward = own(claims, 'keyward') ?? {};
  if (Object.hasOwn(keyward, 'ends')) {
    instant('keyward.ends', keyward, 'ends', 'keyward');
    if (!(keyward.ends <= own(claims, 'exp'))) throw invalidClaim('keyward.ends');
  }
  if (format === 'paseto' && isText(own(claims, 'aud'))) claims.aud = [claims.aud];
  return place;
}

// Whole seconds of UTC, `YYYY-MM-DDThh:mm:ss` and `Z` or `+00:00`; undefined for another text.
export function fromRfc3339(value) {
  if (typeof value !== 'string' || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|\+00:00)$/.test(value)) return undefined;
  const at = new Date(`${value.slice(0, 19)}Z`);
  // A day that the month does not have comes back as another.
  const same = !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 19) === value.slice(0, 19);
  return same && at.getTime() >= 0 ? at.getTime() / 1000 : undefined;
}
