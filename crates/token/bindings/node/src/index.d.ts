/** Verify Keyward licenses: offline, by status list, and by the server's signed answer. Instants are seconds of the Unix clock. */

/** What all errors are. `code` is stable and the same in every language. */
export class KeywardError extends Error {
  readonly code: string;
}
/** A text is not a public key, or not a set of them. */
export class InvalidKey extends KeywardError {}
/** A token is refused; `code` names the rule of docs/token-format.md, section 8. */
export class VerifyError extends KeywardError {}
/** No status list clears a license. */
export class StatusError extends KeywardError {}
/** What came back is not the server's answer to the question. */
export class UntrustedAnswer extends KeywardError {}
/** A kept answer does not let the application run. */
export class Lapsed extends KeywardError {}
/** A text is not a clock floor that this application has kept. */
export class ClockFloorError extends KeywardError {}

/** A token or key without what copying adds: white space and invisible characters anywhere, quotes around it. */
export function pasted(text: string): string;

/** An Ed25519 public key that is fit for strict verification. Throws an {@link InvalidKey}. */
export class PublicKey {
  constructor(bytes: Uint8Array);
  static fromPem(text: string): PublicKey;
  static fromJwk(text: string): PublicKey;
  static fromPaserk(text: string): PublicKey;
  readonly bytes: Uint8Array;
  /** The RFC 7638 thumbprint. */
  readonly kid: string;
  verifies(message: Uint8Array, signature: Uint8Array): boolean;
}

/** The public keys that are trusted. Throws an {@link InvalidKey}. */
export class Keyring implements Iterable<PublicKey> {
  constructor(keys?: Iterable<PublicKey>);
  /** From a JWK Set, `/o/{organization}/jwks.json`. */
  static fromJwks(text: string): Keyring;
  /** From SPKI PEM, one block for each key, `/o/{organization}/public-keys.pem`. */
  static fromPem(text: string): Keyring;
  get(kid: string): PublicKey | undefined;
  /** The key, if it is the only one. */
  readonly only: PublicKey | undefined;
  readonly size: number;
  [Symbol.iterator](): Iterator<PublicKey>;
}

export const LICENSE_AUDIENCE: 'license-key';
/** For tools, and for a vendor of one application: licenses of whatever product, and of none. */
export const ANY_PRODUCT: unique symbol;

export interface VerifierOptions {
  orProducts?: Iterable<string>;
  orWithoutProduct?: boolean;
  issuers?: Iterable<string>;
  /** `null` for any. */
  audience?: string | null;
  organization?: string;
  subject?: string;
  /** For `nbf` alone. */
  leewaySeconds?: number;
  maxTokenBytes?: number;
}

/** Checks tokens against keys and expectations (docs/token-format.md, section 8). */
export class Verifier {
  /** `product` is the id of the product that the application is. */
  constructor(keys: Keyring, product: string | typeof ANY_PRODUCT, options?: VerifierOptions);
  readonly keys: Keyring;
  /** Throws a {@link VerifyError}. `now` is the present unless it is given. */
  verify<Claims = Record<string, unknown>>(token: string, now?: number): License<Claims>;
  /** All of the checks but the times, for the health of a license that may have ended or not begun. */
  authenticate(token: string): AuthenticLicense;
}

export type HealthState = 'fine' | 'ending' | 'in_grace' | 'ended' | 'not_yet' | 'revoked' | 'suspended' | 'unknown';

export interface Health {
  readonly state: HealthState;
  readonly stateByTimes: HealthState;
  /** Why the state is `unknown`. */
  readonly unknown: string | null;
  readonly isValid: boolean;
  readonly beginsAt: number | null;
  /** When the license ends by its contract. */
  readonly endsAt: number | null;
  /** When it is valid no longer, its grace included. */
  readonly expiresAt: number | null;
  readonly changesAt: number | null;
  readonly listAgeSeconds: number | null;
}

export interface HealthOptions {
  warningDays?: number;
  leewaySeconds?: number;
  /** Lists that were verified before. `[]` is "there is none", absent "none is looked at". */
  lists?: readonly StatusList[];
  maxListAgeSeconds?: number;
}

/** A license of this application that may have ended or not begun. */
export interface AuthenticLicense {
  health(now: number, options?: HealthOptions): Health;
}

/** A verified token: only {@link Verifier.verify} makes one. */
export interface License<Claims = Record<string, unknown>> extends AuthenticLicense {
  /** All claims, your own among them. Numbers beyond 2^53 are rounded: see `claimText`. */
  readonly claims: Claims;
  /** The claims exactly as they were signed. */
  readonly json: string;
  readonly kid: string;
  readonly format: 'jwt' | 'paseto';
  readonly status: { readonly index: bigint; readonly uri: string } | null;
  readonly subject: string | null;
  readonly product: string | null;
  readonly customer: string | null;
  readonly issuedAt: number | null;
  readonly endsAt: number | null;
  readonly expiresAt: number | null;
  /** The JSON text of one claim, exactly as it was signed. */
  claimText(name: string): string | undefined;
}

/** A verified status list: only {@link StatusListVerifier} makes one. */
export class StatusList {
  private constructor();
  readonly uri: string;
  readonly issuedAt: number;
  readonly expiresAt: number | null;
  readonly ttl: number | null;
  readonly length: number;
  /** 0: valid, 1: revoked, 2: suspended; whatever else is not to be accepted. */
  status(index: number | bigint): number;
  isStale(now?: number): boolean;
  /** Throws a {@link StatusError} unless this list says that the license is valid. */
  check(license: License<unknown>, now?: number): void;
}

export interface StatusListOptions {
  uri?: string;
  notOlderThan?: number;
  maxTokenBytes?: number;
  maxListBytes?: number;
}

/** Checks signed status lists. */
export class StatusListVerifier {
  constructor(keys: Keyring, options?: StatusListOptions);
  readonly keys: Keyring;
  verify(token: string, now?: number): StatusList;
  /** Everything but "listed as valid" is thrown as a {@link StatusError}. */
  check(lists: Iterable<string>, license: License<unknown>, now?: number): StatusList;
}

export interface QuestionOptions {
  version?: string | null;
  /** Ties the answer to a machine, an installation or a volume. */
  machineId?: string | null;
  /** For tests. */
  nonce?: string;
}

/** What is asked of the server: the body of `POST /api/v1/validate`. */
export class Question {
  constructor(licenseKey: string, options?: QuestionOptions);
  readonly licenseKey: string;
  readonly version: string | null;
  readonly nonce: string;
  body(): string;
}

export interface Answer {
  readonly valid: boolean;
  /** `active`, or why it may not run. */
  readonly status: string;
  readonly signedAt: number;
  readonly expiresAt: number | null;
  readonly custom: Record<string, unknown> | null;
  /** All members, named as docs/validation.md names them. */
  readonly members: Record<string, unknown>;
}

export interface Decision {
  readonly mayRun: boolean;
  /** `licensed`, `offline`, `refused`; or the code of why nobody trustworthy has decided. */
  readonly reason: string;
  readonly answer: Answer | null;
  readonly until: number | null;
  /** What to keep for the next time, in place of what was kept. */
  readonly keep: string | null;
  readonly fault: string | null;
}

/** Tells the server's answers from all else. */
export class AnswerVerifier {
  constructor(keys: Keyring, productId: string, options?: { clockToleranceSeconds?: number });
  readonly keys: Keyring;
  /** Throws an {@link UntrustedAnswer}. What it says is not yet looked at: see `valid`. */
  verify(body: string, question: Question, now?: number): Answer;
  /** Throws a {@link Lapsed}. */
  recall(kept: string, question: Question, at: { now?: number; offlineSeconds: number }): { answer: Answer; until: number };
  /** What the application may do, by the body that came back (null if none did) and the one kept before. */
  decide(question: Question, body: string | null, kept: string | null, at: { now?: number; offlineSeconds: number }): Decision;
}

/** A lower bound of the present, which notices that the machine's clock was set back. */
export class ClockFloor {
  constructor(built: number, options?: { toleranceSeconds?: number });
  /** Throws a {@link ClockFloorError}. */
  static open(text: string, key: Uint8Array, built: number, options?: { toleranceSeconds?: number }): ClockFloor;
  seal(key: Uint8Array): string;
  sawSigned(signed: number): void;
  sawLicense(license: License<unknown>): void;
  /** By how many seconds the clock was set back beyond the tolerance; 0 for a plausible clock. */
  observe(now: number, ran?: number): number;
  readonly at: number;
  atLeast(now: number): number;
}
