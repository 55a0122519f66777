// What an application does with the package, by its test kit: npm test
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ANY_PRODUCT, AnswerVerifier, Keyring, Question, StatusListVerifier, Verifier, pasted } from '@keyward/token';
import { Vendor } from '@keyward/token/testing';

const [NOW, DAY, LIST] = [1_800_000_000, 86_400, 'https://licenses.example.com/o/acme/status-list'];
const here = fileURLToPath(new URL('..', import.meta.url));
const vendor = () => new Vendor('server');
const refuses = (call, code) => assert.throws(call, (error) => error.code === code || assert.fail(`${error.code}, ${code} is wanted`));

test('a license opens its product and no other', () => {
  const verifier = new Verifier(vendor().keys, 'server');
  const license = verifier.verify(vendor().license({ seats: 25 }), NOW);
  assert.equal(license.claims.seats, 25);
  const big = vendor().sign('JWT', '{"aud":"license-key","keyward":{"v":1,"org":"o","product":"server"},"big":12345678901234567890}');
  assert.equal(verifier.verify(big, NOW).claimText('big'), '12345678901234567890');
  for (const other of [new Vendor('basic').license(), vendor().license({}, { anyProduct: true })]) {
    refuses(() => verifier.verify(other, NOW), 'wrong_product');
    assert.ok(new Verifier(vendor().keys, ANY_PRODUCT).verify(other, NOW));
  }
  assert.throws(() => new Verifier(vendor().keys), TypeError);
  assert.throws(() => new Verifier(vendor().keys, null), TypeError);
});

test('keys rotate while the program runs', () => {
  const rotating = vendor();
  const [before, old] = [rotating.license(), new Verifier(rotating.keys, 'server')];
  rotating.rotateKey();
  const after = rotating.license();
  refuses(() => old.verify(after, NOW), 'unknown_key');
  const newer = new Verifier(Keyring.fromJwks(rotating.jwks), 'server');
  for (const token of [before, after]) assert.equal(newer.verify(pasted(`“${token}”\n`), NOW).product, 'server');
});

test('a list revokes what verifies', () => {
  const license = new Verifier(vendor().keys, 'server').verify(vendor().license({}, { listed: [7, LIST] }), NOW);
  const lists = new StatusListVerifier(vendor().keys);
  assert.equal(lists.check([vendor().statusList(LIST, NOW)], license, NOW).issuedAt, NOW);
  for (const [status, name] of [[1, 'revoked'], [2, 'suspended'], [3, 'revoked']]) {
    refuses(() => lists.check([vendor().statusList(LIST, NOW, { 7: status })], license, NOW), name);
  }
  refuses(() => lists.check([], license, NOW), 'no_status_list');
});

test('health goes through the grace', () => {
  const token = vendor().license({}, { issuedAt: NOW, endsAt: NOW + 60 * DAY, graceUntil: NOW + 74 * DAY });
  const license = new Verifier(vendor().keys, 'server').authenticate(token);
  const states = [-1, 0, 30, 60, 74].map((days) => license.health(NOW + days * DAY).state);
  assert.deepEqual(states, ['not_yet', 'fine', 'ending', 'in_grace', 'ended']);
});

test('the last answer counts until a refusal', () => {
  const answers = new AnswerVerifier(vendor().keys, 'server');
  const at = (days) => ({ now: NOW + days * DAY, offlineSeconds: 14 * DAY });
  const question = new Question('7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC', { version: '2.1.0', machineId: 'm' });
  const asked = answers.decide(question, vendor().answer(question, NOW), null, at(0));
  assert.deepEqual([asked.mayRun, asked.reason], [true, 'licensed']);
  const later = new Question('7zzq20x4kmv9tbdhn3ga51rwc', { machineId: 'm' });
  const offline = answers.decide(later, null, asked.keep, at(1));
  assert.deepEqual([offline.mayRun, offline.reason, offline.until], [true, 'offline', NOW + 14 * DAY]);
  // What is not the server's answer to this question changes nothing, whoever sends it.
  for (const body of ['<html>', vendor().answer(question, NOW + DAY), new Vendor('basic').answer(later, NOW + DAY)]) {
    assert.equal(answers.decide(later, body, asked.keep, at(1)).reason, 'offline');
  }
  const refused = answers.decide(later, vendor().answer(later, NOW + DAY, { status: 'revoked' }), asked.keep, at(9));
  assert.deepEqual([refused.mayRun, refused.answer.status], [false, 'revoked']);
  assert.equal(answers.decide(later, null, refused.keep, at(2)).reason, 'refused');
  const elsewhere = new Question('7ZZQ2-0X4KM-V9TBD-HN3GA-51RWC', { machineId: 'another' });
  assert.equal(answers.decide(elsewhere, null, asked.keep, at(1)).reason, 'other_machine');
});

const signing = join(here, '../../../../docs/vectors/v1/signing.json');
test('the kit signs as the crate does', { skip: !existsSync(signing) && 'the package is elsewhere' }, () => {
  const signer = vendor();
  for (let count = 1; count < 7; count += 1) signer.rotateKey();
  const tokens = JSON.parse(readFileSync(signing, 'utf8')).tokens.filter(({ name }) => name.startsWith('jwt'));
  assert.ok(tokens.length > 0);
  for (const { claims, token } of tokens) assert.equal(signer.sign('JWT', claims), token);
});

test('every export has its type', async () => {
  for (const [name, types] of [['@keyward/token', 'index'], ['@keyward/token/testing', 'testing']]) {
    const declared = readFileSync(join(here, `src/${types}.d.ts`), 'utf8');
    for (const exported of Object.keys(await import(name))) assert.match(declared, new RegExp(`export (class|const|function) ${exported}\\b`));
  }
});

test('a large list is read', () => {
  const claims = { sub: LIST, iat: NOW, x: 'y'.repeat(3_000_000), status_list: { bits: 2, lst: 'eNpjYAAAAAIAAQ' } };
  const list = new StatusListVerifier(vendor().keys).verify(vendor().sign('statuslist+jwt', JSON.stringify(claims)), NOW);
  assert.equal(list.length, 8);
});

test('the readme leads to a verdict', () => {
  const snippet = readFileSync(join(here, 'README.md'), 'utf8').split('```js\n')[1].split('```')[0];
  assert.ok(snippet.trim().split('\n').length <= 10);
  const folder = mkdtempSync(join(tmpdir(), 'keyward-'));
  const product = new Vendor('0192f0c1-7a00-7000-8000-00000000000b');
  mkdirSync(join(folder, 'node_modules/@keyward'), { recursive: true });
  symlinkSync(here, join(folder, 'node_modules/@keyward/token'));
  writeFileSync(join(folder, 'jwks.json'), product.jwks);
  writeFileSync(join(folder, 'main.mjs'), snippet);
  const run = (token) => spawnSync(process.execPath, ['main.mjs'], { cwd: folder, env: { ...process.env, LICENSE_KEY: token }, encoding: 'utf8' });
  const good = run(`${product.license({ seats: 25 })}\n`);
  assert.deepEqual([good.status, good.stdout], [0, 'licensed: 25 seats\n'], good.stderr);
  const bad = run(new Vendor('other').license({ seats: 25 }));
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /\(wrong_product\)/);
});

const guide = join(here, '../../../../docs/guides/node.md');
test('the guide works', { skip: !existsSync(guide) && 'the package is elsewhere' }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-'));
  const blocks = readFileSync(guide, 'utf8').split('```js\n').slice(1).map((block) => block.split('```')[0]);
  mkdirSync(join(folder, 'node_modules/@keyward'), { recursive: true });
  symlinkSync(here, join(folder, 'node_modules/@keyward/token'));
  writeFileSync(join(folder, 'guide.mjs'), blocks.join('\n'));
  const module = await import(pathToFileURL(join(folder, 'guide.mjs')));
  const product = new Vendor('0192f0c1-7a00-7000-8000-00000000000b');
  const [jwks, kept, clock] = ['jwks.json', 'kept.json', 'clock'].map((name) => join(folder, name));
  writeFileSync(jwks, product.jwks);
  const license = module.licenseOf(jwks, `${product.license({}, { listed: [7, LIST] })}\n`);
  module.notRevoked(product.keys, [], license);
  refuses(() => module.notRevoked(product.keys, [product.statusList(LIST, NOW, { 7: 1 })], license), 'revoked');
  const answers = new AnswerVerifier(product.keys, product.productId);
  const now = Math.floor(Date.now() / 1000);
  // A server on the loopback address that answers so, and what the application makes of it.
  const asked = async (status) => {
    const server = createServer((request, response) => {
      request.on('data', (data) => {
        const { license_key: licenseKey, nonce } = JSON.parse(data);
        response.end(product.answer({ licenseKey, nonce }, now, { status }));
      });
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const decision = await module.check(answers, `http://127.0.0.1:${server.address().port}`, 'kw_prod_test', 'KEY', kept);
    server.closeAllConnections?.();
    await new Promise((resolve) => { server.close(resolve); });
    return decision.reason;
  };
  const offline = async () => (await module.check(answers, 'http://127.0.0.1:9', 'kw_prod_test', 'KEY', kept)).reason;
  assert.deepEqual([await asked('active'), await offline(), await asked('revoked'), await offline()], ['licensed', 'offline', 'refused', 'refused']);
  assert.match(module.remark(new Verifier(product.keys, product.productId), product.license({}, { endsAt: NOW }), NOW - DAY), /ending/);
  const floor = module.begin(clock, Buffer.from('key'));
  floor.sawSigned(now + 2 * DAY);
  assert.ok(module.look(floor, clock, Buffer.from('key'), 0) > DAY);
  assert.equal(module.begin(clock, Buffer.from('key')).at, floor.at);
  module.anEndedLicenseIsRefused();
});
