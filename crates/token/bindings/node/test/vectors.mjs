// Judges every vector of a folder as docs/vectors/README.md says: `node vectors.mjs docs/vectors/v1`.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  ANY_PRODUCT, AnswerVerifier, ClockFloor, Keyring, KeywardError, PublicKey, Question, StatusListVerifier, Verifier, pasted,
} from '../src/index.js';

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
// The members of a vector that are there, named as options are.
const options = (vector, ...names) => Object.fromEntries(names.filter((name) => name in vector).map((name) => [camel(name), vector[name]]));

function verdict(judge, good = 'valid') {
  try {
    judge();
    return good;
  } catch (error) {
    if (error instanceof KeywardError) return error.code;
    throw error;
  }
}

const READERS = {
  'public-pem': (text) => [PublicKey.fromPem(text)],
  'public-jwk': (text) => [PublicKey.fromJwk(text)],
  'paserk-public': (text) => [PublicKey.fromPaserk(text)],
  jwks: (text) => [...Keyring.fromJwks(text)],
  'pem-bundle': (text) => [...Keyring.fromPem(text)],
};

const asked = ({ question, machine_id: machineId = null }) => new Question(question.license_key, {
  version: question.version ?? null, nonce: question.nonce, machineId,
});

const PARTS = {
  tokens(vector, keys) {
    const { expected } = vector;
    const told = options(expected, 'or_products', 'or_without_product', 'issuers', 'audience', 'organization', 'subject', 'leeway_seconds', 'max_token_bytes');
    if (expected.any_audience) told.audience = null;
    const verifier = new Verifier(keys, expected.product ?? ANY_PRODUCT, told);
    const said = verdict(() => {
      const license = verifier.verify(vector.token, vector.now);
      if (license.json !== (vector.claims ?? license.json)) throw new Error('other claims');
    });
    return [said, vector.verdict];
  },
  pasted(vector, keys) {
    const left = pasted(vector.text);
    return [[left, verdict(() => new Verifier(keys, ANY_PRODUCT).verify(left, vector.now))], [vector.pasted, vector.verdict]];
  },
  keys(vector) {
    let seen;
    const said = verdict(() => {
      seen = READERS[vector.form](vector.text).map((key) => key.kid);
    });
    return [seen ?? said, vector.kids ?? vector.error];
  },
  lists(vector, keys, partKeys) {
    const license = new Verifier(partKeys, ANY_PRODUCT).verify(vector.license, vector.now);
    const lists = new StatusListVerifier(keys, options(vector, 'uri', 'not_older_than', 'max_token_bytes', 'max_list_bytes'));
    return [verdict(() => lists.check(vector.lists, license, vector.now)), vector.verdict];
  },
  tables(vector, keys) {
    const list = new StatusListVerifier(keys).verify(vector.list, vector.now);
    const statuses = [...Array(list.length).keys()].map((index) => [index, list.status(index)]).filter(([, value]) => value !== 0);
    const seen = [list.uri, list.issuedAt, list.expiresAt, list.isStale(vector.now), list.length, statuses];
    return [seen, ['uri', 'issued_at', 'expires_at', 'stale', 'entries', 'statuses'].map((name) => vector[name])];
  },
  health(vector, keys) {
    const told = options(vector, 'warning_days', 'leeway_seconds', 'max_list_age_seconds');
    if ('lists' in vector) told.lists = vector.lists.map((list) => new StatusListVerifier(keys).verify(list, 1_800_000_000));
    let seen;
    const said = verdict(() => {
      const health = new Verifier(keys, ANY_PRODUCT).authenticate(vector.token).health(vector.now, told);
      seen = {
        state: health.state, state_by_times: health.stateByTimes, valid: health.isValid, begins: health.beginsAt, ends: health.endsAt,
        expires: health.expiresAt, changes: health.changesAt, list_age_seconds: health.listAgeSeconds,
      };
      if (health.unknown !== null) seen.unknown = health.unknown;
    });
    return [seen ?? said, vector.health ?? vector.error];
  },
  clock(vector) {
    const secret = Buffer.from(vector.key_hex, 'hex');
    const told = options(vector, 'tolerance_seconds');
    let floor;
    const said = verdict(() => {
      floor = 'open' in vector ? ClockFloor.open(vector.open, secret, vector.built, told) : new ClockFloor(vector.built, told);
    }, null);
    const seen = [];
    for (const step of vector.steps ?? []) {
      if ('saw_signed' in step) floor.sawSigned(step.saw_signed);
      const by = 'now' in step ? floor.observe(step.now, step.ran_seconds) : 0;
      seen.push([by, floor.at, floor.seal(secret)]);
    }
    return [[said, seen], [vector.error ?? null, (vector.steps ?? []).map((step) => [step.set_back_by ?? 0, step.at, step.sealed])]];
  },
  answers(vector, keys) {
    const verifier = new AnswerVerifier(keys, vector.product_id, options(vector, 'clock_tolerance_seconds'));
    const said = verdict(() => verifier.verify(vector.body, asked(vector), vector.now), 'trusted');
    const { mayRun } = verifier.decide(asked(vector), vector.body, null, { now: vector.now, offlineSeconds: 0 });
    return [[said, mayRun], [vector.verdict, vector.may_run]];
  },
  kept(vector, keys) {
    const verifier = new AnswerVerifier(keys, vector.product_id);
    const at = { now: vector.now, offlineSeconds: vector.offline_seconds };
    let until;
    const said = verdict(() => {
      ({ until } = verifier.recall(vector.body, asked(vector), at));
    });
    const { mayRun } = verifier.decide(asked(vector), null, vector.body, at);
    return [[said, until, mayRun], [vector.verdict, vector.until, vector.verdict === 'valid']];
  },
};

let [passed, failed] = [0, 0];
const folder = process.argv[2];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'signing.json').sort()) { // that one is for signers
  const part = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const name = file.slice(0, -5);
  if (part.format !== 1) throw new Error(`${file} is of another format`);
  const partKeys = Keyring.fromJwks(part.keys);
  for (const vector of part.vectors) {
    let outcome;
    try {
      outcome = PARTS[name](vector, 'keys' in vector ? Keyring.fromJwks(vector.keys) : partKeys, partKeys);
    } catch (error) { // a judge that breaks is a failure, too
      outcome = [String(error.stack), 'a verdict'];
    }
    const [seen, wanted] = outcome;
    if (isDeepStrictEqual(seen, wanted)) {
      passed += 1;
    } else {
      failed += 1;
      console.log(`FAILED ${name}: ${vector.name}:`, seen, 'instead of', wanted);
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
