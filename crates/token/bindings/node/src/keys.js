// Public keys, and text as people paste it.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { InvalidKey } from './errors.js';
import { decode, isObject, own, readObject } from './json.js';

const IGNORED = /[\p{White_Space}\p{Default_Ignorable_Code_Point}]/gu;
const QUOTES = '"\'`´«»‹›‘’‚‛“”„‟〝〞〟＂＇';

// A token or key without what copying adds: white space and invisible characters anywhere, quotes around it.
export function pasted(text) {
  const kept = text.replace(IGNORED, '');
  let [start, end] = [0, kept.length];
  // By hand: a pattern would look at each run of quotes again from each of its places.
  while (start < end && QUOTES.includes(kept[start])) start += 1;
  while (end > start && QUOTES.includes(kept[end - 1])) end -= 1;
  return kept.slice(start, end);
}

const P = 2n ** 255n - 19n;
const SIGN = 1n << 255n;
const littleEndian = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
const mod = (number) => ((number % P) + P) % P;

function power(base, exponent) {
  let [result, square] = [1n, mod(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
// The y coordinates of the points whose order divides eight.
const WEAK = new Set([0n, 1n, P - 1n, ...[
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((point) => littleEndian(Buffer.from(point, 'hex')))]);
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

// An Ed25519 public key that is fit for strict verification.
export class PublicKey {
  #key;

  // From the 32 bytes of RFC 8032, section 5.1.2.
  constructor(data) {
    const bytes = Buffer.from(data);
    if (bytes.length !== 32) throw new InvalidKey('invalid_der', 'an Ed25519 key has 32 bytes');
    const y = littleEndian(bytes) % SIGN;
    if (y >= P) throw new InvalidKey('not_canonical', 'the public key is not encoded canonically');
    const square = mod((y * y - 1n) * power(D * y * y + 1n, P - 2n));
    if (square !== 0n && power(square, (P - 1n) / 2n) !== 1n) {
      throw new InvalidKey('not_a_point', 'the public key is not a point on the curve');
    }
    if (WEAK.has(y)) throw new InvalidKey('weak_key', 'the public key has small order');
    const x = bytes.toString('base64url');
    this.bytes = new Uint8Array(bytes);
    this.kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
    this.#key = createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' });
    Object.freeze(this);
  }

  // Whether a bare signature is by this key, strictly (docs/token-format.md, section 3).
  verifies(message, signature) {
    // OpenSSL lets a point of small order pass, which no honest signature begins with.
    if (signature.length !== 64 || WEAK.has(littleEndian(signature.subarray(0, 32)) % SIGN)) return false;
    return verify(null, message, this.#key, signature);
  }

  // From one block of SPKI PEM. What copying adds is ignored, and so is text around the block.
  static fromPem(text) {
    const pem = pasted(text);
    if (pem.includes('PRIVATEKEY-----')) throw secretKey();
    const [, block = '', ...more] = pem.split('-----BEGIN');
    const [head, tail = ''] = block.split('-----END');
    const fits = more.length === 0 && [head, tail].every((part) => part.startsWith('PUBLICKEY-----'));
    const body = fits ? head.slice('PUBLICKEY-----'.length) : '-';
    const der = Buffer.from(body, 'base64');
    if (der.toString('base64') !== body) throw new InvalidKey('invalid_pem', 'not one PEM block of a public key');
    if (der.length !== 44 || !der.subarray(0, 12).equals(SPKI)) {
      throw new InvalidKey('invalid_der', 'not an Ed25519 key in the expected DER structure');
    }
    return new PublicKey(der.subarray(12));
  }

  // From the JSON of a public JWK.
  static fromJwk(text) {
    const jwk = parse(text, () => new InvalidKey('invalid_jwk', 'not a JWK of an Ed25519 key'));
    refuseSecret(jwk);
    return ofJwk(jwk);
  }

  // From a PASERK `k4.public`.
  static fromPaserk(text) {
    const paserk = pasted(text);
    if (paserk.startsWith('k4.secret.')) throw secretKey();
    const data = paserk.startsWith('k4.public.') ? decode(paserk.slice(10)) : undefined;
    if (data?.length !== 32) throw new InvalidKey('invalid_paserk', 'not a PASERK of the expected type');
    return new PublicKey(data);
  }
}

// The public keys that are trusted, by their ids. A set: while keys rotate there are several.
export class Keyring {
  #keys = new Map();

  constructor(keys = []) {
    for (const key of keys) {
      if (this.#keys.has(key.kid)) throw new InvalidKey('duplicate_key', 'the same key stands twice in the keyring');
      this.#keys.set(key.kid, key);
    }
  }

  // From a JWK Set, `/o/{organization}/jwks.json`. Keys of other kinds are ignored; a secret or broken key is refused.
  static fromJwks(text) {
    const invalid = () => new InvalidKey('invalid_jwks', 'not a JWK Set');
    const found = own(parse(text, invalid), 'keys');
    if (!Array.isArray(found)) throw invalid();
    return new Keyring(function* read() {
      for (const jwk of found) {
        if (!isObject(jwk)) throw invalid();
        refuseSecret(jwk);
        if (isEd25519(jwk) && !isForAnotherUse(jwk)) yield ofJwk(jwk);
      }
    }());
  }

  // From SPKI PEM, one block for each key, `/o/{organization}/public-keys.pem`.
  static fromPem(text) {
    const blocks = pasted(text).split('-----BEGIN').slice(1);
    if (blocks.length === 0) throw new InvalidKey('invalid_pem', 'not one PEM block of a public key');
    return new Keyring(blocks.map((block) => PublicKey.fromPem(`-----BEGIN${block}`)));
  }

  // The key with this id.
  get(kid) {
    return this.#keys.get(kid);
  }

  // The key, if it is the only one.
  get only() {
    return this.size === 1 ? [...this][0] : undefined;
  }

  get size() {
    return this.#keys.size;
  }

  [Symbol.iterator]() {
    return this.#keys.values();
  }
}

function parse(text, error) {
  try {
    return readObject(pasted(text)).value;
  } catch {
    throw error();
  }
}

function secretKey() {
  return new InvalidKey('secret_key', 'a secret key where a public key belongs');
}

function refuseSecret(jwk) {
  if (['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].some((name) => Object.hasOwn(jwk, name))) throw secretKey();
}

function isEd25519(jwk) {
  return own(jwk, 'kty') === 'OKP' && own(jwk, 'crv') === 'Ed25519';
}

function isForAnotherUse(jwk) {
  const other = (name, values) => typeof own(jwk, name) === 'string' && !values.includes(jwk[name]);
  return other('use', ['sig']) || other('alg', ['EdDSA', 'Ed25519']);
}

function ofJwk(jwk) {
  const texts = ['kid', 'use', 'alg'].every((name) => !Object.hasOwn(jwk, name) || typeof jwk[name] === 'string');
  const x = own(jwk, 'x');
  const data = typeof x === 'string' ? decode(x) : undefined;
  if (!isEd25519(jwk) || isForAnotherUse(jwk) || !texts || data?.length !== 32) {
    throw new InvalidKey('invalid_jwk', 'not a JWK of an Ed25519 key');
  }
  const key = new PublicKey(data);
  if (Object.hasOwn(jwk, 'kid') && jwk.kid !== key.kid) {
    throw new InvalidKey('wrong_kid', 'the kid is not the RFC 7638 thumbprint of the key');
  }
  return key;
}
