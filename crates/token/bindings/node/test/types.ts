// The types fit what an application does: npx tsc -p test
import {
  ANY_PRODUCT, AnswerVerifier, ClockFloor, KeywardError, Keyring, Question, StatusListVerifier, Verifier, pasted,
} from '@keyward/token';
import type { Health, License } from '@keyward/token';
import { Vendor } from '@keyward/token/testing';

interface Terms { seats: number }

export function terms(jwks: string, text: string): number {
  const license: License<Terms> = new Verifier(Keyring.fromJwks(jwks), 'server', { leewaySeconds: 60 }).verify<Terms>(pasted(text));
  const health: Health = license.health(0, { warningDays: 60, lists: [] });
  new StatusListVerifier(Keyring.fromJwks(jwks)).check([], license);
  const floor = new ClockFloor(0);
  floor.sawLicense(license);
  // @ts-expect-error a verifier is told a product
  new Verifier(Keyring.fromJwks(jwks));
  return license.claims.seats + (health.changesAt ?? 0) + floor.at;
}

export function mayRun(vendor: Vendor, kept: string | null): boolean {
  const question = new Question('KEY', { version: '1.0.0' });
  try {
    new Verifier(vendor.keys, ANY_PRODUCT).authenticate(vendor.license());
  } catch (error) {
    if (error instanceof KeywardError && error.code === 'expired') return false;
  }
  return new AnswerVerifier(vendor.keys, 'server').decide(question, null, kept, { offlineSeconds: 86_400 }).mayRun;
}
