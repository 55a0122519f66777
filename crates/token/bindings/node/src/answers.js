// The server's signed answer, now and for as long as the server is out of reach (docs/validation.md).
//
// How the question travels is the application's business: `POST /api/v1/validate` with the product API key as bearer token.
import { createHash, randomBytes } from 'node:crypto';
import { Lapsed, UntrustedAnswer } from './errors.js';
import { canonical, decode, integer, isObject, own, readObject } from './json.js';
import { pasted } from './keys.js';
import { fromRfc3339, seconds } from './verifier.js';

const CLOCK_TOLERANCE = 3_600;
const DEPTH = 64;
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

// What is asked of the server.
export class Question {
  #machineId;

  // A new question. `machineId` ties the answer to a machine, an installation or a volume; the server sees no more of it than a hash
  // that is new with each question. `nonce` is for tests.
  constructor(licenseKey, { version = null, machineId = null, nonce } = {}) {
    const random = randomBytes(16).toString('base64url');
    this.licenseKey = pasted(licenseKey);
    this.version = version;
    this.nonce = nonce ?? (machineId === null ? random : `${random}.${tag(machineId, random)}`);
    this.#machineId = machineId;
    Object.freeze(this);
  }

  // The body of the request.
  body() {
    const members = { license_key: this.licenseKey, nonce: this.nonce };
    return JSON.stringify(this.version === null ? members : { ...members, version: this.version });
  }

  // Whether an answer with this nonce was asked for by the machine that asks now.
  isByMachineOf(nonce) {
    const at = nonce.indexOf('.');
    if (this.#machineId === null || at < 0) return this.#machineId === null && at < 0;
    return tag(this.#machineId, nonce.slice(0, at)) === nonce.slice(at + 1);
  }
}

function tag(machineId, random) {
  const machine = sha256('keyward-client machine.1\0', machineId);
  return sha256('keyward-client nonce.1\0', machine, random).subarray(0, 16).toString('base64url');
}

// Tells the server's answers from all else. All products of a vendor are signed for by the same keys, so it is for one.
export class AnswerVerifier {
  #product;
  #tolerance;

  constructor(keys, productId, { clockToleranceSeconds = 300 } = {}) {
    if (typeof productId !== 'string') throw new TypeError('name a product');
    this.keys = keys;
    this.#product = productId;
    this.#tolerance = clockToleranceSeconds;
    Object.freeze(this);
  }

  // The server's answer to the question. Throws an UntrustedAnswer. What it says is not yet looked at: see `valid`.
  verify(body, question, now) {
    const answer = this.#signed(body);
    if (answer.members.license_key !== question.licenseKey || own(answer.members, 'nonce') !== question.nonce) {
      throw new UntrustedAnswer('wrong_question', 'the answer is to another question');
    }
    // The nonce shows that it is of now, so a refusal counts whatever the clock says.
    if (answer.valid && Math.abs(answer.signedAt - seconds(now)) > this.#tolerance) {
      throw new UntrustedAnswer('stale', 'the clocks of this machine and of the server differ too much');
    }
    return answer;
  }

  // A kept body again, and until when it lets the application run. Throws a Lapsed.
  recall(kept, question, { now, offlineSeconds }) {
    let answer;
    try {
      answer = this.#signed(kept);
    } catch (error) {
      throw new Lapsed(error.code, `the kept answer does not fit: ${error.message}`, { cause: error });
    }
    const [at, { members }] = [seconds(now), answer];
    const member = (name) => own(members, name) ?? null;
    const other = () => new Lapsed('wrong_question', 'the kept answer is to another question');
    if (member('nonce') === null || canonicalKey(members.license_key) !== canonicalKey(question.licenseKey)) throw other();
    if (!question.isByMachineOf(members.nonce)) throw new Lapsed('other_machine', "the kept answer is another machine's");
    if (!answer.valid) throw new Lapsed('refused', `the server has refused the license before: ${answer.status}`);
    const version = member('version');
    const differs = version === null ? member('version_valid') !== null : version !== question.version;
    if (question.version !== null && differs) throw other();
    if (at + CLOCK_TOLERANCE < answer.signedAt) throw new Lapsed('clock_set_back', 'the clock was set back');
    const offline = answer.signedAt + offlineSeconds;
    // An answer that was good after the end says that the end does not count.
    const counts = answer.expiresAt !== null && answer.expiresAt > answer.signedAt;
    const until = counts ? Math.min(answer.expiresAt, offline) : offline;
    if (at >= until && until < offline) throw new Lapsed('expired', 'the license has ended');
    if (at >= until) throw new Lapsed('offline_period', 'the offline period is over');
    return { answer, until };
  }

  // What the application may do, by the body that came back (null if none did) and the one kept before. A signed refusal ends the
  // offline period: keep `keep` in either case.
  decide(question, body, kept, { now, offlineSeconds }) {
    let fault = 'unreachable';
    if (body !== null) {
      try {
        const answer = this.verify(body, question, now);
        const reason = answer.valid ? 'licensed' : 'refused';
        return Object.freeze({ mayRun: answer.valid, reason, answer, until: null, keep: body, fault: null });
      } catch (error) {
        if (!(error instanceof UntrustedAnswer)) throw error;
        fault = error.code;
      }
    }
    const no = { mayRun: false, reason: fault, answer: null, until: null, keep: kept, fault };
    if (kept === null) return Object.freeze(no);
    try {
      return Object.freeze({ ...no, mayRun: true, reason: 'offline', ...this.recall(kept, question, { now, offlineSeconds }) });
    } catch (error) {
      if (!(error instanceof Lapsed)) throw error;
      return Object.freeze({ ...no, reason: error.code });
    }
  }

  #signed(body) {
    const malformed = () => new UntrustedAnswer('malformed', 'the answer is not one of a validation');
    const wrong = () => new UntrustedAnswer('bad_signature', 'the signature of the answer is wrong');
    let read;
    try {
      read = readObject(body, DEPTH);
    } catch {
      throw malformed();
    }
    const { value: members, numbers } = read;
    const signature = own(members, 'signature');
    delete members.signature;
    if (signature === null) throw new UntrustedAnswer('unsigned', 'the answer is not signed: turn signed validation on for this product');
    if (typeof signature !== 'string') throw malformed();
    const data = decode(signature);
    if (data?.length !== 64) throw wrong();
    const key = typeof own(members, 'kid') === 'string' ? this.keys.get(members.kid) : undefined;
    if (key === undefined) throw new UntrustedAnswer('unknown_key', 'the answer is signed by an unknown key');
    if (!key.verifies(Buffer.from(canonical(members)), data)) throw wrong();
    const answer = answerOf(members, numbers);
    if (answer === null) throw malformed();
    if (own(members, 'product_id') !== this.#product) throw new UntrustedAnswer('wrong_product', 'the answer is of another product');
    return answer;
  }
}

// With the types of docs/validation.md; what may be null may be absent.
function answerOf(members, numbers) {
  const all = (names, fits) => names.every((name) => fits(own(members, name) ?? null, name));
  const optional = (kind) => (value) => value === null || typeof value === kind;
  const isCount = (value, name) => value === null || integer(numbers, name) < 2n ** 32n;
  const fits = all(['status', 'signed_at', 'license_key'], (value) => typeof value === 'string')
    && all(['valid'], (value) => typeof value === 'boolean') && all(['ip_registered', 'version_valid'], optional('boolean'))
    && all(['expires', 'version', 'product_id', 'nonce'], optional('string')) && all(['ip_count', 'max_ips'], isCount)
    && all(['custom'], (value) => value === null || isObject(value));
  if (!fits) return null;
  const [signedAt, expires] = [fromRfc3339(members.signed_at), own(members, 'expires') ?? null];
  const expiresAt = expires === null ? null : fromRfc3339(expires);
  if (signedAt === undefined || expiresAt === undefined) return null;
  const { valid, status } = members;
  return Object.freeze({ valid, status, signedAt, expiresAt, custom: own(members, 'custom') ?? null, members });
}

// A license key as the server reads it, however it is written; a token is its text.
function canonicalKey(given) {
  const text = pasted(given);
  if (text.includes('.') || Buffer.byteLength(text) > 400) return text;
  const symbols = [...text].filter((c) => /[\p{Alphabetic}\p{N}]/u.test(c));
  const narrow = symbols.map((c) => (/[！-～]/.test(c) ? String.fromCharCode(c.charCodeAt(0) - 0xfee0) : c)).join('');
  const key = narrow.replace(/[a-z]/g, (c) => c.toUpperCase()).replaceAll('O', '0').replace(/[IL]/g, '1');
  return /^[\x00-\x7f]{25}$/.test(key) ? key : text;
}
