// A lower bound of the present, which notices that the machine's clock was set back.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { ClockFloorError } from './errors.js';
import { decode } from './json.js';
import { LAST } from './verifier.js';

const DAY = 86_400;
const PREFIX = 'keyward-clock-floor.1.';

// How late it is at least, by what was signed and by how long the application was used. Kept as a text from start to start. It jumps to
// signed times only; otherwise it goes on as time passes.
export class ClockFloor {
  #at = 0;
  #seen = null;
  #tolerance;

  // A floor of which no more is known than when the program was built.
  constructor(built, { toleranceSeconds = DAY } = {}) {
    this.#tolerance = toleranceSeconds;
    this.#raise(built);
  }

  // Reads the text that `seal` has made with this key. Throws a ClockFloorError.
  static open(text, key, built, options) {
    const malformed = () => new ClockFloorError('malformed', 'the text is not the state of a clock floor');
    let end = text.length;
    while (end > 0 && ' \t\n\f\r'.includes(text[end - 1])) end -= 1;
    const trimmed = text.slice(0, end);
    const dot = trimmed.lastIndexOf('.');
    const [state, code] = [trimmed.slice(0, Math.max(dot, 0)), decode(trimmed.slice(dot + 1))];
    if (dot < 0 || !state.startsWith(PREFIX) || code?.length !== 32) throw malformed();
    if (!timingSafeEqual(code, mac(state, key))) {
      throw new ClockFloorError('altered', 'the state of the clock floor was changed, or made with another key');
    }
    const found = /^(\+?[0-9]+)\.(\+?[0-9]+)?$/.exec(state.slice(PREFIX.length));
    if (found === null || [found[1], found[2] ?? '0'].some((number) => Number(number) > LAST)) throw malformed();
    const floor = new ClockFloor(built, options);
    floor.#seen = found[2] === undefined ? null : Number(found[2]);
    floor.#raise(Number(found[1]));
    return floor;
  }

  // The state as one line. A key that differs from machine to machine ties the text to the machine.
  seal(key) {
    const state = `${PREFIX}${this.#at}.${this.#seen ?? ''}`;
    return `${state}.${mac(state, key).toString('base64url')}`;
  }

  // A time that was signed and verified: a list's `issuedAt`, an answer's `signedAt`. Never the machine's clock.
  sawSigned(signed) {
    this.#raise(signed);
  }

  // When a license was issued.
  sawLicense(license) {
    this.#raise(license.issuedAt ?? 0);
  }

  // Looks at the machine's clock. `ran` is how many seconds ago this was last called, by `performance.now`; zero for the first call of a
  // process. By how many seconds the clock was set back beyond the tolerance; 0 for a plausible clock.
  observe(now, ran = 0) {
    const at = Math.min(Math.max(Math.floor(now), 0), LAST);
    const before = this.#at;
    this.#raise(before + Math.floor(ran));
    const gone = this.#seen === null ? 0 : Math.max(at - this.#seen, 0);
    if (gone <= this.#tolerance) this.#raise(Math.min(before + gone, at));
    this.#seen = at;
    const behind = this.#at - at;
    return behind > this.#tolerance ? behind : 0;
  }

  // How late it is at least.
  get at() {
    return this.#at;
  }

  // The machine's clock, or the floor if that is later.
  atLeast(now) {
    return Math.max(Math.floor(now), this.#at);
  }

  #raise(to) {
    this.#at = Math.min(Math.max(this.#at, to), LAST);
  }
}

function mac(state, key) {
  return createHmac('sha256', key).update(state).digest();
}
