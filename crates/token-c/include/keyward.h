// Verifies Keyward licenses: tokens, status lists, health, a clock floor, and the server's signed answer.
// Made by cbindgen; `KEYWARD_BLESS=1 cargo test -p keyward-token-c` writes it anew.
//
// A function that may refuse returns a code, or NULL if it does not: codes are those of docs/token-format.md and docs/vectors, end with
// a zero and are valid for ever; `invalid_argument` is a call that is wrong by itself. Texts are pointer and length, of UTF-8. A handle is freed
// by the function of its name, once. No function keeps what it is given. Handles other than builders and clock floors may be used by
// several threads at once.

#ifndef KEYWARD_H
#define KEYWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEYWARD_TEXT(literal_or_string) ((KeywardText){ (literal_or_string), strlen(literal_or_string) })

// An instant that does not come: the end of a license without end.
#define KEYWARD_NEVER INT64_MAX

// A verified answer.
typedef struct KeywardAnswer KeywardAnswer;

// How late it is at least, by what was signed and by how long the application was used. One thread at a time may use it.
typedef struct KeywardClockFloor KeywardClockFloor;

// The public keys that are trusted.
typedef struct KeywardKeys KeywardKeys;

// A verified token.
typedef struct KeywardLicense KeywardLicense;

// A verified status list.
typedef struct KeywardStatusList KeywardStatusList;

// Checks tokens against keys and expectations.
typedef struct KeywardVerifier KeywardVerifier;

// What a verifier shall expect.
typedef struct KeywardVerifierBuilder KeywardVerifierBuilder;

// What a function that may refuse returns: null, or a code that ends with a zero and is valid for ever.
typedef const char *KeywardCode;

// A text of UTF-8: so many bytes, without a zero at the end. Of what a function returns, the handle it was asked of is the owner;
// a null pointer is no text.
typedef struct {
  // The first byte; may be null if there is none.
  const char *data;
  // How many bytes.
  size_t length;
} KeywardText;

// What was asked of the server: the members of the body of `POST /api/v1/validate`.
typedef struct {
  // The license key or token, as `keyward_pasted` cleans it.
  KeywardText license_key;
  // The version that wants to run; no text if none is named.
  KeywardText version;
  // Random text that no other question has; where answers are tied to machines, as `keyward_machine_nonce` makes it.
  KeywardText nonce;
  // What ties the answer to a machine, an installation or a volume; no text if nothing does. It is not sent.
  KeywardText machine_id;
} KeywardQuestion;

// By what the health of a license is judged.
typedef struct {
  // The second of the Unix clock.
  int64_t now;
  // How many days before its end by the contract a license is `ending`; 30 is usual.
  uint32_t warning_days;
  // The verifier's leeway counts unless this is longer.
  uint32_t leeway_seconds;
  // Whether lists are looked at. With no list, the status is unknown then.
  bool looks_at_lists;
  // Lists that were verified before.
  const KeywardStatusList *const *lists;
  // How many.
  size_t list_count;
  // How old a list may be that says that a license is not revoked; `UINT64_MAX` for any age.
  uint64_t max_list_age_seconds;
} KeywardHealthCheck;

// How a license stands. It decides nothing. Its texts end with a zero and are valid for ever.
typedef struct {
  // `fine`, `ending`, `in_grace`, `ended`, `not_yet`, `revoked`, `suspended` or `unknown`.
  const char *state;
  // The state without regard to lists.
  const char *state_by_times;
  // Why the state is `unknown`; null if it is not.
  const char *unknown;
  // Whether the license is valid.
  bool valid;
  // The first second of validity; `KEYWARD_NEVER` if there is none, as below.
  int64_t begins_at;
  // When the license ends by its contract.
  int64_t ends_at;
  // When it is valid no longer, its grace included.
  int64_t expires_at;
  // The first second at which the state is another, if nothing but time passes.
  int64_t changes_at;
  // How old the list is that counts; -1 if there is none.
  int64_t list_age_seconds;
} KeywardHealth;

// What a list must be besides. Zero in every member is what is usual.
typedef struct {
  // The address that the list must be of; any if this is no text.
  KeywardText uri;
  // Whether `not_older_than` counts.
  bool refuses_older;
  // When the newest list seen before was issued.
  int64_t not_older_than;
  // The most bytes of a signed list; 0 for 4 MiB.
  size_t max_token_bytes;
  // The most bytes of what is in it; 0 for 4 MiB.
  size_t max_list_bytes;
} KeywardListOptions;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The nonce of a question by a machine, to be freed with `keyward_text_free`. `random` has 16 bytes that no other question has.
//
// # Safety
// `machine_id` can be read, and 16 bytes of `random`; `nonce` can be written to.
KeywardCode keyward_machine_nonce(KeywardText machine_id,
                                  const uint8_t (*random)[16],
                                  KeywardText *nonce);

// Verifies the server's answer to a question. What it says is not yet looked at: see `keyward_answer_valid`. A tolerance of 300 seconds is
// usual. Free with `keyward_answer_free`.
//
// # Safety
// `keys` is null or a handle that was not freed; `product_id`, `body` and `asked` can be read, and `answer` written to.
KeywardCode keyward_answer_verify(const KeywardKeys *keys,
                                  KeywardText product_id,
                                  uint32_t clock_tolerance_seconds,
                                  KeywardText body,
                                  const KeywardQuestion *asked,
                                  int64_t now,
                                  KeywardAnswer **answer);

// The same for a body that was kept, while the server is out of reach: `until` receives until when it lets the application run.
//
// # Safety
// `keys` is null or a handle that was not freed; `product_id`, `kept` and `asked` can be read; `until` and `answer` can be written to.
KeywardCode keyward_answer_recall(const KeywardKeys *keys,
                                  KeywardText product_id,
                                  KeywardText kept,
                                  const KeywardQuestion *asked,
                                  int64_t now,
                                  uint32_t offline_seconds,
                                  int64_t *until,
                                  KeywardAnswer **answer);

// Whether the license may run; not, for null.
//
// # Safety
// `answer` is null or a handle that was not freed.
bool keyward_answer_valid(const KeywardAnswer *answer);

// `active`, or why it may not run. It lives as long as the answer.
//
// # Safety
// `answer` is null or a handle that was not freed.
KeywardText keyward_answer_status(const KeywardAnswer *answer);

// When the server has signed it, by its clock.
//
// # Safety
// `answer` is null or a handle that was not freed.
int64_t keyward_answer_signed_at(const KeywardAnswer *answer);

// When the license ends; `KEYWARD_NEVER` without end.
//
// # Safety
// `answer` is null or a handle that was not freed.
int64_t keyward_answer_expires_at(const KeywardAnswer *answer);

// Frees an answer; null, too.
//
// # Safety
// `answer` is null or a handle that was not freed, and is used no more.
void keyward_answer_free(KeywardAnswer *answer);

// Frees a text that was made for the caller: that of `keyward_pasted` and of `keyward_clock_floor_seal`.
//
// # Safety
// `text` was returned by one of these functions, and was not freed before; or it is without data.
void keyward_text_free(KeywardText text);

// A floor of which no more is known than when the program was built. Free with `keyward_clock_floor_free`.
//
// # Safety
// `floor` can be written to.
KeywardCode keyward_clock_floor_new(int64_t built,
                                    uint32_t tolerance_seconds,
                                    KeywardClockFloor **floor);

// Reads the text that `keyward_clock_floor_seal` has made with this key: `malformed` or `altered` for others. A tolerance of 86,400 seconds
// is usual. Free with `keyward_clock_floor_free`.
//
// # Safety
// `text` and `key` can be read, and `floor` written to.
KeywardCode keyward_clock_floor_open(KeywardText text,
                                     KeywardText key,
                                     int64_t built,
                                     uint32_t tolerance_seconds,
                                     KeywardClockFloor **floor);

// The state as one line, to be freed with `keyward_text_free`. A key that differs from machine to machine ties it to the machine.
//
// # Safety
// `floor` is null or a handle that was not freed; `key` can be read, and `text` written to.
KeywardCode keyward_clock_floor_seal(const KeywardClockFloor *floor,
                                     KeywardText key,
                                     KeywardText *text);

// A time that was signed and verified: of a license, a list or an answer. Never the machine's clock.
//
// # Safety
// `floor` is null or a handle that was not freed and that nobody else uses now.
KeywardCode keyward_clock_floor_saw_signed(KeywardClockFloor *floor,
                                           int64_t signed_at);

// Looks at the machine's clock. `ran_seconds` is how long ago it was last called, by a clock that only runs forward; 0 for the first call of
// a process. `set_back_by` receives by how many seconds the clock was set back beyond the tolerance; 0 for a plausible clock.
//
// # Safety
// `floor` is null or a handle that was not freed and that nobody else uses now; `set_back_by` can be written to.
KeywardCode keyward_clock_floor_observe(KeywardClockFloor *floor,
                                        int64_t now,
                                        uint64_t ran_seconds,
                                        uint64_t *set_back_by);

// How late it is at least.
//
// # Safety
// `floor` is null or a handle that was not freed.
int64_t keyward_clock_floor_at(const KeywardClockFloor *floor);

// Frees a floor; null, too.
//
// # Safety
// `floor` is null or a handle that was not freed, and is used no more.
void keyward_clock_floor_free(KeywardClockFloor *floor);

// Verifies all of a token but the times, and says how the license stands, also one that has ended or not begun.
//
// # Safety
// `verifier` is null or a handle that was not freed; `token` and `check` can be read, and so can the lists it points to; `health` can be
// written to.
KeywardCode keyward_health(const KeywardVerifier *verifier,
                           KeywardText token,
                           const KeywardHealthCheck *check,
                           KeywardHealth *health);

// Reads a JWK Set, `/o/{organization}/jwks.json`. Free with `keyward_keys_free`.
//
// # Safety
// `text` can be read, and `keys` written to.
KeywardCode keyward_keys_from_jwks(KeywardText text, KeywardKeys **keys);

// Reads SPKI PEM, one block for each key, `/o/{organization}/public-keys.pem`.
//
// # Safety
// `text` can be read, and `keys` written to.
KeywardCode keyward_keys_from_pem(KeywardText text, KeywardKeys **keys);

// Reads one block of SPKI PEM.
//
// # Safety
// `text` can be read, and `keys` written to.
KeywardCode keyward_key_from_pem(KeywardText text, KeywardKeys **keys);

// Reads one public JWK.
//
// # Safety
// `text` can be read, and `keys` written to.
KeywardCode keyward_key_from_jwk(KeywardText text, KeywardKeys **keys);

// Reads one PASERK `k4.public`.
//
// # Safety
// `text` can be read, and `keys` written to.
KeywardCode keyward_key_from_paserk(KeywardText text, KeywardKeys **keys);

// How many keys there are.
//
// # Safety
// `keys` is null or a handle that was not freed.
size_t keyward_keys_count(const KeywardKeys *keys);

// The id of the key at this place, its RFC 7638 thumbprint; no text beyond the last. It lives as long as the keys.
//
// # Safety
// `keys` is null or a handle that was not freed.
KeywardText keyward_keys_kid(const KeywardKeys *keys,
                             size_t place);

// Frees keys; null, too. Verifiers that were made with them keep their own.
//
// # Safety
// `keys` is null or a handle that was not freed, and is used no more.
void keyward_keys_free(KeywardKeys *keys);

// A token or key without what copying adds: white space and invisible characters anywhere, quotes around it. Free with
// `keyward_text_free`.
//
// # Safety
// `text` can be read, and `cleaned` written to.
KeywardCode keyward_pasted(KeywardText text,
                           KeywardText *cleaned);

// Verifies a token at a second of the Unix clock. Free with `keyward_license_free`.
//
// # Safety
// `verifier` is null or a handle that was not freed; `token` can be read, and `license` written to.
KeywardCode keyward_verify(const KeywardVerifier *verifier,
                           KeywardText token,
                           int64_t now,
                           KeywardLicense **license);

// The claims as JSON, exactly as they were signed. It lives as long as the license.
//
// # Safety
// `license` is null or a handle that was not freed.
KeywardText keyward_license_json(const KeywardLicense *license);

// The JSON text of one claim, exactly as it was signed; no text if there is none. It lives as long as the license.
//
// # Safety
// `license` is null or a handle that was not freed; `name` can be read.
KeywardText keyward_license_claim(const KeywardLicense *license,
                                  KeywardText name);

// The license's id (`sub`); no text if there is none.
//
// # Safety
// `license` is null or a handle that was not freed.
KeywardText keyward_license_subject(const KeywardLicense *license);

// The id of the product; no text for a license of no product.
//
// # Safety
// `license` is null or a handle that was not freed.
KeywardText keyward_license_product(const KeywardLicense *license);

// The id of the customer; no text if there is none.
//
// # Safety
// `license` is null or a handle that was not freed.
KeywardText keyward_license_customer(const KeywardLicense *license);

// The address of the status list; no text if the license names none.
//
// # Safety
// `license` is null or a handle that was not freed.
KeywardText keyward_license_status_list(const KeywardLicense *license);

// When the license was issued; `KEYWARD_NEVER` if the token does not say.
//
// # Safety
// `license` is null or a handle that was not freed.
int64_t keyward_license_issued_at(const KeywardLicense *license);

// When the license ends by its contract; `KEYWARD_NEVER` for one without end.
//
// # Safety
// `license` is null or a handle that was not freed.
int64_t keyward_license_ends_at(const KeywardLicense *license);

// When the license is valid no longer, its grace included; `KEYWARD_NEVER` for one without end.
//
// # Safety
// `license` is null or a handle that was not freed.
int64_t keyward_license_expires_at(const KeywardLicense *license);

// Frees a license; null, too. Its texts are freed with it.
//
// # Safety
// `license` is null or a handle that was not freed, and is used no more.
void keyward_license_free(KeywardLicense *license);

// Verifies a list at a second of the Unix clock. `options` may be null. Free with `keyward_status_list_free`.
//
// # Safety
// `keys` is null or a handle that was not freed; `options` is null or can be read; `token` can be read, and `list` written to.
KeywardCode keyward_status_list_verify(const KeywardKeys *keys,
                                       const KeywardListOptions *options,
                                       KeywardText token,
                                       int64_t now,
                                       KeywardStatusList **list);

// Verifies `count` lists at a second of the Unix clock, and looks a license up in them: one, or none, or several of a server that has
// moved. Everything but "listed as valid" is a code. `cleared` is null, or receives when the list was issued that clears the license.
//
// # Safety
// `keys` and `license` are null or handles that were not freed; `options` is null or can be read; `lists` points to `count` texts that can
// be read; `cleared` is null or can be written to.
KeywardCode keyward_status_lists_check(const KeywardKeys *keys,
                                       const KeywardListOptions *options,
                                       const KeywardText *lists,
                                       size_t count,
                                       const KeywardLicense *license,
                                       int64_t now,
                                       int64_t *cleared);

// Looks a license up in a list that was verified before.
//
// # Safety
// `list` and `license` are null or handles that were not freed.
KeywardCode keyward_status_list_check(const KeywardStatusList *list,
                                      const KeywardLicense *license,
                                      int64_t now);

// The list's address. It lives as long as the list.
//
// # Safety
// `list` is null or a handle that was not freed.
KeywardText keyward_status_list_uri(const KeywardStatusList *list);

// When the list was issued.
//
// # Safety
// `list` is null or a handle that was not freed.
int64_t keyward_status_list_issued_at(const KeywardStatusList *list);

// When the list counts no longer; `KEYWARD_NEVER` if it has no end.
//
// # Safety
// `list` is null or a handle that was not freed.
int64_t keyward_status_list_expires_at(const KeywardStatusList *list);

// Whether a newer list should be fetched. A stale list is still valid.
//
// # Safety
// `list` is null or a handle that was not freed.
bool keyward_status_list_is_stale(const KeywardStatusList *list, int64_t now);

// How many entries there are.
//
// # Safety
// `list` is null or a handle that was not freed.
uint64_t keyward_status_list_length(const KeywardStatusList *list);

// The status at an index: 0 valid, 1 revoked, 2 suspended, others not to be accepted; -1 beyond the last.
//
// # Safety
// `list` is null or a handle that was not freed.
int32_t keyward_status_list_status(const KeywardStatusList *list,
                                   uint64_t index);

// Frees a list; null, too.
//
// # Safety
// `list` is null or a handle that was not freed, and is used no more.
void keyward_status_list_free(KeywardStatusList *list);

// Begins a verifier for the licenses of one product, by its id: all products of a vendor have the same keys and the same audience.
//
// # Safety
// `product` can be read, and `builder` written to.
KeywardCode keyward_verifier_for_product(KeywardText product,
                                         KeywardVerifierBuilder **builder);

// Begins a verifier for licenses of whatever product, and of none: for tools, and for a vendor of one application.
//
// # Safety
// `builder` can be written to.
KeywardCode keyward_verifier_for_any_product(KeywardVerifierBuilder **builder);

// Accepts licenses of no product, too.
//
// # Safety
// `builder` is null or a handle that was not freed and that nobody else uses now.
KeywardCode keyward_verifier_or_without_product(KeywardVerifierBuilder *builder);

// Accepts any audience, and none.
//
// # Safety
// `builder` is null or a handle that was not freed and that nobody else uses now.
KeywardCode keyward_verifier_any_audience(KeywardVerifierBuilder *builder);

// Accepts a token so many seconds before its `nbf`. There is no leeway for `exp`.
//
// # Safety
// `builder` is null or a handle that was not freed and that nobody else uses now.
KeywardCode keyward_verifier_leeway(KeywardVerifierBuilder *builder, uint32_t seconds);

// The most bytes of a token, 65,536 unless set.
//
// # Safety
// `builder` is null or a handle that was not freed and that nobody else uses now.
KeywardCode keyward_verifier_max_token_bytes(KeywardVerifierBuilder *builder, size_t bytes);

// Makes the verifier, which trusts these keys. The builder is freed, whatever is returned. Free with `keyward_verifier_free`.
//
// # Safety
// `builder` is null or a handle that was not freed, and is used no more; `keys` is null or a handle that was not freed; `verifier` can
// be written to.
KeywardCode keyward_verifier_build(KeywardVerifierBuilder *builder,
                                   const KeywardKeys *keys,
                                   KeywardVerifier **verifier);

// Frees a verifier; null, too.
//
// # Safety
// `verifier` is null or a handle that was not freed, and is used no more.
void keyward_verifier_free(KeywardVerifier *verifier);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KEYWARD_H */
