// What a verified token says, and how a license stands.
import { own } from './json.js';

const DAY = 86_400;

// A license of this application that may have ended or not begun: all there is to ask is how it stands.
export class AuthenticLicense {
  #claims;
  #leeway;
  #status;

  constructor(claims, leeway, status) {
    this.#claims = claims;
    this.#leeway = leeway;
    this.#status = status;
  }

  // How the license stands at a second. `lists` were verified before; `[]` is "there is none", absent "none is looked at".
  health(now, { warningDays = 30, leewaySeconds = 0, lists, maxListAgeSeconds } = {}) {
    const [begins, expires] = [own(this.#claims, 'nbf') ?? null, own(this.#claims, 'exp') ?? null];
    const ends = own(own(this.#claims, 'keyward') ?? {}, 'ends') ?? expires;
    const starts = begins === null ? null : begins - Math.max(this.#leeway, leewaySeconds);
    const warns = ends === null ? null : ends - warningDays * DAY;
    const reached = (since, at) => since !== null && at >= since;
    const byTimes = (at) => {
      if (reached(expires, at)) return 'ended';
      if (starts !== null && at < starts) return 'not_yet';
      if (reached(ends, at)) return 'in_grace';
      return reached(warns, at) ? 'ending' : 'fine';
    };
    const tooOld = (list) => (maxListAgeSeconds === undefined ? Infinity : list.issuedAt + maxListAgeSeconds + 1);
    // What a list says of the license, and how much that weighs.
    const entry = (list, at) => {
      if (reached(list.expiresAt, at)) return [0, 'status_list_expired'];
      if (this.#status.index >= BigInt(list.length)) return [2, 'status_out_of_range'];
      const value = list.status(this.#status.index);
      if (value === 0) return at >= tooOld(list) ? [0, 'status_list_too_old'] : [1, 'valid'];
      return value === 2 ? [3, 'suspended'] : [4, 'revoked'];
    };
    const listedAt = (at) => {
      if (lists === undefined) return { said: 'valid', issued: null };
      if (this.#status === null) return { said: 'no_status', issued: null };
      const ours = lists.filter((list) => list.uri === this.#status.uri).map((list) => {
        const [weight, said] = entry(list, at);
        return { weight, said, issued: list.issuedAt };
      });
      // Of two that say as much and are as new, the last.
      ours.reverse().sort((one, other) => other.weight - one.weight || other.issued - one.issued);
      return ours[0] ?? { said: lists.length === 0 ? 'no_status_list' : 'other_status_list', issued: null };
    };
    const stateAt = (at) => {
      const [{ said }, times] = [listedAt(at), byTimes(at)];
      if (said === 'revoked') return [said, null];
      if (said === 'valid' || times === 'ended') return [times, null];
      if (said === 'suspended') return [said, null];
      return times === 'not_yet' ? [times, null] : ['unknown', said];
    };
    const instants = [starts, warns, ends, expires, ...(lists ?? []).flatMap((list) => [list.expiresAt, tooOld(list)])];
    const later = instants.filter((at) => at !== null && at > now && at < Number.MAX_SAFE_INTEGER);
    const [state, unknown] = stateAt(now);
    const differs = ([other, why]) => other !== state || why !== unknown;
    const { issued } = listedAt(now);
    return Object.freeze({
      state,
      stateByTimes: byTimes(now),
      unknown,
      isValid: ['fine', 'ending', 'in_grace'].includes(state),
      beginsAt: begins,
      endsAt: ends,
      expiresAt: expires,
      changesAt: later.sort((one, other) => one - other).find((at) => differs(stateAt(at))) ?? null,
      listAgeSeconds: issued === null ? null : Math.max(now - issued, 0),
    });
  }
}

// A verified token: only `Verifier.verify` makes one.
export class License extends AuthenticLicense {
  #texts;

  constructor({ claims, texts, json, status }, leeway, kid, format) {
    super(claims, leeway, status);
    this.#texts = texts;
    // All claims, your own among them. Numbers beyond 2^53 are rounded: see `claimText`.
    this.claims = claims;
    // The claims exactly as they were signed.
    this.json = json;
    this.kid = kid;
    this.format = format;
    // Where its revocation status stands: `{ index, uri }`, the index a bigint.
    this.status = status;
    Object.freeze(this);
  }

  // The JSON text of one top-level claim, exactly as it was signed: a number keeps every digit.
  claimText(name) {
    return this.#texts.get(name);
  }

  // The license's id.
  get subject() {
    return own(this.claims, 'sub') ?? null;
  }

  get issuedAt() {
    return own(this.claims, 'iat') ?? null;
  }

  // The first second at which the license is valid no longer, its grace included.
  get expiresAt() {
    return own(this.claims, 'exp') ?? null;
  }

  // When the license ends by its contract.
  get endsAt() {
    return own(own(this.claims, 'keyward') ?? {}, 'ends') ?? this.expiresAt;
  }

  get product() {
    return own(own(this.claims, 'keyward') ?? {}, 'product') ?? null;
  }

  get customer() {
    return own(own(this.claims, 'keyward') ?? {}, 'customer') ?? null;
  }
}
