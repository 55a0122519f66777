// Revocation that reaches offline programs: the signed status list.
import { inflateSync } from 'node:zlib';
import { StatusError, VerifyError } from './errors.js';
import { decode, integer, isObject, own } from './json.js';
import { LAST, invalidClaim, openJwt, readClaims, seconds } from './verifier.js';

const MOST = 4 * 1024 * 1024;

// A verified status list: only `StatusListVerifier` makes one.
export class StatusList {
  #bits;
  #table;

  constructor({ uri, issuedAt, expiresAt, ttl }, bits, table) {
    this.uri = uri;
    // Keep the latest one seen, and give it to `notOlderThan`.
    this.issuedAt = issuedAt;
    this.expiresAt = expiresAt;
    // For how many seconds a copy is fresh.
    this.ttl = ttl;
    this.#bits = bits;
    this.#table = table;
    Object.freeze(this);
  }

  // How many entries there are.
  get length() {
    return (this.#table.length * 8) / this.#bits;
  }

  // 0: valid, 1: revoked, 2: suspended; whatever else is not to be accepted. The index is a number or a bigint.
  status(index) {
    if (index < 0 || index >= this.length) throw new StatusError('status_out_of_range', 'the status list has no such index');
    const bit = Number(index) * this.#bits;
    return (this.#table[bit >> 3] >> (bit & 7)) & ((1 << this.#bits) - 1);
  }

  // Whether a newer list should be fetched. A stale list is still valid.
  isStale(now) {
    return this.ttl !== null && seconds(now) - this.ttl >= this.issuedAt;
  }

  // Throws a StatusError unless this list says that the license is valid.
  check(license, now) {
    const { status } = license;
    if (status === null) throw new StatusError('no_status', 'the license refers to no status list');
    if (status.uri !== this.uri) throw new StatusError('other_status_list', `the license refers to another status list, ${status.uri}`);
    if (this.expiresAt !== null && seconds(now) >= this.expiresAt) {
      throw new StatusError('expired', 'the status list is refused: it has expired');
    }
    const value = this.status(status.index);
    const code = value === 2 ? 'suspended' : 'revoked';
    if (value !== 0) throw new StatusError(code, `the license is ${code}`);
  }
}

// Checks signed status lists.
export class StatusListVerifier {
  #told;

  constructor(keys, { uri, notOlderThan, maxTokenBytes = MOST, maxListBytes = MOST } = {}) {
    this.keys = keys;
    this.#told = { uri, notOlderThan, maxTokenBytes, maxListBytes };
    Object.freeze(this);
  }

  // A list that counts at a second. Throws a VerifyError.
  verify(token, now) {
    const [at, told] = [seconds(now), this.#told];
    const refuse = (code, message) => {
      throw new VerifyError(code, message);
    };
    if (Buffer.byteLength(token) > told.maxTokenBytes) refuse('too_large', `the list is longer than ${told.maxTokenBytes} bytes`);
    const { value: claims, numbers } = readClaims(openJwt(token, 'statuslist+jwt', this.keys).payload);
    if (typeof own(claims, 'sub') !== 'string') throw invalidClaim('sub');
    const [iat, nbf, exp] = ['iat', 'nbf', 'exp'].map((name) => {
      if (name !== 'iat' && !Object.hasOwn(claims, name)) return null;
      const value = integer(numbers, name);
      if (value === undefined || value > LAST) throw invalidClaim(name);
      return Number(value);
    });
    const ttl = Object.hasOwn(claims, 'ttl') ? integer(numbers, 'ttl') ?? 0n : null;
    if (ttl === 0n || ttl >= 2n ** 64n) throw invalidClaim('ttl');
    const listed = own(claims, 'status_list') ?? (Object.hasOwn(claims, 'status_list') ? null : {});
    const bits = integer(numbers, 'status_list', 'bits');
    if (!isObject(listed) || (Object.hasOwn(listed, 'lst') && typeof listed.lst !== 'string')
      || (Object.hasOwn(listed, 'bits') && !(bits < 2n ** 64n))) throw invalidClaim('status_list');
    if (told.uri !== undefined && claims.sub !== told.uri) refuse('wrong_subject', 'the list is of another address');
    if (nbf !== null && at < nbf) refuse('not_yet_valid', 'the list is not valid yet');
    if (exp !== null && at >= exp) refuse('expired', 'the list has expired');
    if (told.notOlderThan !== undefined && iat < told.notOlderThan) refuse('outdated', 'the list is older than one seen before');
    const packed = decode(own(listed, 'lst') ?? '=');
    if (![1n, 2n, 4n, 8n].includes(bits) || packed === undefined) throw invalidClaim('status_list');
    const times = { uri: claims.sub, issuedAt: iat, expiresAt: exp, ttl: ttl === null ? null : Number(ttl) };
    return new StatusList(times, Number(bits), inflate(packed, told.maxListBytes));
  }

  // Verifies lists and looks a license up in them; gives the list that clears it. There is one, or none, or several of a server that
  // has moved. Everything but "listed as valid" is thrown as a StatusError.
  check(lists, license, now) {
    let cleared = null;
    let why = new StatusError('no_status_list', 'there is no status list');
    for (const token of lists) {
      try {
        const list = this.verify(token, now);
        list.check(license, now);
        cleared = cleared !== null && cleared.issuedAt > list.issuedAt ? cleared : list;
      } catch (error) {
        if (error instanceof VerifyError) {
          why = new StatusError(error.code, `the status list is refused: ${error.message}`, { cause: error });
        } else if (error.code !== 'other_status_list') {
          throw error;
        } else if (why.code === 'no_status_list') {
          // What is wrong with one list says more than that another is not the one.
          why = error;
        }
      }
    }
    if (cleared === null) throw why;
    return cleared;
  }
}

// One whole zlib stream with nothing behind it, of a bounded length.
function inflate(packed, limit) {
  try {
    const { buffer, engine } = inflateSync(packed, { maxOutputLength: Math.max(limit, 1), info: true });
    if (engine.bytesWritten !== packed.length) throw invalidClaim('status_list');
    if (buffer.length > limit) throw Object.assign(new RangeError(), { code: 'ERR_BUFFER_TOO_LARGE' });
    return buffer;
  } catch (error) {
    if (error.code === 'ERR_BUFFER_TOO_LARGE') throw new VerifyError('too_large', `the list is longer than ${limit} bytes`);
    throw invalidClaim('status_list');
  }
}
