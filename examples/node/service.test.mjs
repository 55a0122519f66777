// node --test service.test.mjs
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Vendor } from '@keyward/token/testing';
import { app } from './service.mjs';

test('features follow the license', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'keyward-'));
  const [license, keys] = [join(folder, 'license.jwt'), join(folder, 'jwks.json')];
  Object.assign(process.env, { LICENSE_FILE: license, JWKS_FILE: keys, PRODUCT_ID: 'server' });
  const server = app.listen(0, '127.0.0.1');
  context.after(() => server.close());
  await new Promise((resolve) => { server.once('listening', resolve); });
  const get = async (path) => (await fetch(`http://127.0.0.1:${server.address().port}${path}`)).status;
  const both = async () => [await get('/'), await get('/reports')];
  const says = (token) => {
    writeFileSync(license, `${token}\n`);
    return both();
  };
  const vendor = new Vendor('server');
  writeFileSync(keys, vendor.jwks);
  assert.equal(await get('/reports'), 402, 'there is no license yet');
  assert.deepEqual(await says(vendor.license({ features: ['reports'] })), [200, 200]);
  assert.deepEqual(await says(vendor.license({ features: [] })), [200, 403]);
  assert.deepEqual(await says(vendor.license({ features: ['reports'] }, { endsAt: 1_700_000_000 })), [402, 402]);
  assert.deepEqual(await says(new Vendor('basic').license({ features: ['reports'] })), [402, 402]);
  vendor.rotateKey();
  assert.deepEqual(await says(vendor.license({ features: ['reports'] })), [402, 402], 'the keys are old');
  writeFileSync(keys, vendor.jwks);
  assert.deepEqual(await both(), [200, 200]);
});
