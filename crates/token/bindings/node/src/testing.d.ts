import type { Keyring, Question } from './index.js';

/** A vendor with one product, and keys that are the same in every run. Never let an application trust them outside of its tests. */
export class Vendor {
  constructor(productId: string);
  readonly productId: string;
  readonly keys: Keyring;
  readonly jwks: string;
  rotateKey(): void;
  license(claims?: Record<string, unknown>, options?: {
    issuedAt?: number; endsAt?: number; graceUntil?: number; listed?: readonly [number, string]; anyProduct?: boolean;
  }): string;
  statusList(uri: string, issuedAt: number, statuses?: Record<number, number>, options?: { expiresAt?: number; ttl?: number }): string;
  answer(question: Question, signedAt: number, members?: { status?: string; [member: string]: unknown }): string;
  sign(typ: string, claims: string): string;
}
