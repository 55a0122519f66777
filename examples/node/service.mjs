// A web service whose features depend on the license: LICENSE_FILE=license.jwt JWKS_FILE=jwks.json PRODUCT_ID=… node service.mjs
//
// The license is verified at each request, which takes a fraction of a millisecond: a renewal and newer keys need no restart, and an end
// comes when it is there.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import express from 'express';
import { KeywardError, Keyring, Verifier, pasted } from '@keyward/token';

export const app = express();

app.use((request, response, next) => {
  try {
    const keys = Keyring.fromJwks(readFileSync(process.env.JWKS_FILE, 'utf8'));
    const token = pasted(readFileSync(process.env.LICENSE_FILE, 'utf8'));
    request.license = new Verifier(keys, process.env.PRODUCT_ID).verify(token);
    next();
  } catch (error) {
    const known = error instanceof KeywardError;
    response.status(402).json({ code: known ? error.code : 'no_license', detail: known ? error.message : 'there is no license' });
  }
});

// The routes behind it are for licenses whose claim `features` names it.
function feature(name) {
  return ({ license }, response, next) => {
    const { features } = license.claims;
    if (Array.isArray(features) && features.includes(name)) next();
    else response.status(403).json({ code: 'not_licensed', detail: `the license does not include ${name}` });
  };
}

app.get('/', ({ license }, response) => response.json({ customer: license.customer, ends_at: license.endsAt }));
app.get('/reports', feature('reports'), (_, response) => response.json({ reports: [] }));

if (import.meta.url === pathToFileURL(process.argv[1]).href) app.listen(Number(process.env.PORT ?? 8000));
