// Verify Keyward licenses: offline, by status list, and by the server's signed answer.
//
// Every verdict is that of the Rust crate `keyward-token`: both are held to the vectors in docs/vectors.
export { AnswerVerifier, Question } from './answers.js';
export { ClockFloor } from './clock.js';
export { ClockFloorError, InvalidKey, KeywardError, Lapsed, StatusError, UntrustedAnswer, VerifyError } from './errors.js';
export { Keyring, PublicKey, pasted } from './keys.js';
export { StatusList, StatusListVerifier } from './status.js';
export { ANY_PRODUCT, LICENSE_AUDIENCE, Verifier } from './verifier.js';
