// Why something is refused. `code` is stable and the same in every language; the message is for people, in English.

export class KeywardError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

// A text is not a public key, or not a set of them.
export class InvalidKey extends KeywardError {}

// A token is refused; `code` names the rule of docs/token-format.md, section 8.
export class VerifyError extends KeywardError {}

// No status list clears a license: it is revoked or suspended, or no list says that it is not.
export class StatusError extends KeywardError {}

// What came back is not the server's answer to the question.
export class UntrustedAnswer extends KeywardError {}

// A kept answer does not let the application run.
export class Lapsed extends KeywardError {}

// A text is not a clock floor that this application has kept.
export class ClockFloorError extends KeywardError {}
