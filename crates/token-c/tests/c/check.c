// The functions of keyward.h as a program in C calls them, with sanitizers. Judges the lines of its input, each
// "VERDICT NOW PRODUCT TOKEN" separated by tabs, by the keys in the file that its first argument names; then uses and misuses every handle.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "keyward.h"

static int failed;

static void check(const char *what, bool fits) {
    if (!fits) {
        failed++;
        printf("FAILED %s\n", what);
    }
}

static bool is(const char *code, const char *wanted) {
    return code == NULL ? wanted == NULL : wanted != NULL && strcmp(code, wanted) == 0;
}

static bool says(KeywardText text, const char *wanted) {
    return text.length == strlen(wanted) && memcmp(text.data, wanted, text.length) == 0;
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (file == NULL || text == NULL) exit(2);
    if (fread(text, 1, (1 << 20) - 1, file) == 0) exit(2);
    fclose(file);
    return text;
}

static KeywardVerifier *verifier_for(const KeywardKeys *keys, const char *product) {
    KeywardVerifierBuilder *builder = NULL;
    KeywardVerifier *verifier = NULL;
    if (product == NULL) check("any product", is(keyward_verifier_for_any_product(&builder), NULL));
    else check("a product", is(keyward_verifier_for_product(KEYWARD_TEXT(product), &builder), NULL));
    check("a verifier", is(keyward_verifier_build(builder, keys, &verifier), NULL));
    return verifier;
}

// A copy on the heap of exactly so many bytes, so that a read beyond them is seen.
static KeywardText exact(const char *text) {
    size_t length = strlen(text);
    char *copy = malloc(length ? length : 1);
    if (copy == NULL) exit(2);
    memcpy(copy, text, length);
    return (KeywardText){copy, length};
}

static int judge_lines(const KeywardKeys *keys) {
    static char line[1 << 18];
    int judged = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *verdict = strtok(line, "\t"), *now = strtok(NULL, "\t"), *product = strtok(NULL, "\t"), *token = strtok(NULL, "\t");
        KeywardVerifier *verifier = verifier_for(keys, strcmp(product, "-") == 0 ? NULL : product);
        KeywardText text = exact(token == NULL ? "" : token);
        KeywardLicense *license = NULL;
        const char *code = keyward_verify(verifier, text, atoll(now), &license);
        check(verdict, is(code, strcmp(verdict, "valid") == 0 ? NULL : verdict) && (license != NULL) == (code == NULL));
        free((char *)text.data);
        keyward_license_free(license);
        keyward_verifier_free(verifier);
        judged++;
    }
    return judged;
}

struct work {
    const KeywardVerifier *verifier;
    const char *token;
};

static void *verify_often(void *argument) {
    const struct work *work = argument;
    for (int round = 0; round < 200; round++) {
        KeywardLicense *license = NULL;
        if (keyward_verify(work->verifier, KEYWARD_TEXT(work->token), 1810000000, &license) != NULL) return "refused";
        KeywardText json = keyward_license_json(license);
        if (json.length == 0 || json.data[0] != '{') return "no claims";
        keyward_license_free(license);
    }
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    char *jwks = read_file(arguments[1]), *token = read_file(arguments[2]), *list = read_file(arguments[3]), *body = read_file(arguments[4]);
    KeywardKeys *keys = NULL;
    check("keys", is(keyward_keys_from_jwks(KEYWARD_TEXT(jwks), &keys), NULL) && keyward_keys_count(keys) == 1);
    check("kid", says(keyward_keys_kid(keys, 0), "--6IM5l0OosLj9yWskISYhUA3n_3CURQkmrYMSha_ck"));
    check("no kid", keyward_keys_kid(keys, 1).data == NULL);
    int judged = judge_lines(keys);
    check("lines", judged > 100);

    KeywardVerifier *verifier = verifier_for(keys, NULL);
    KeywardLicense *license = NULL;
    check("a license", is(keyward_verify(verifier, KEYWARD_TEXT(token), 1810000000, &license), NULL));
    check("big", says(keyward_license_claim(license, KEYWARD_TEXT("big")), "12345678901234567890"));
    check("no claim", keyward_license_claim(license, KEYWARD_TEXT("none")).data == NULL);
    check("end", keyward_license_expires_at(license) == 1831536000 && keyward_license_ends_at(license) == 1831536000);
    check("no product", keyward_license_product(license).data == NULL);

    const char *codes[] = {"suspended", "no_status_list"};
    KeywardText lists[] = {KEYWARD_TEXT(list)};
    for (size_t number = 0; number < 2; number++) {
        const char *code = keyward_status_lists_check(keys, NULL, lists, 1 - number, license, 1810000000, NULL);
        check(codes[number], is(code, codes[number]));
    }
    KeywardStatusList *read = NULL;
    check("a list", is(keyward_status_list_verify(keys, NULL, lists[0], 1800000000, &read), NULL));
    check("its entries", keyward_status_list_length(read) == 2000 && keyward_status_list_status(read, 1234) == 2);
    check("beyond", keyward_status_list_status(read, 2000) == -1 && keyward_status_list_status(read, UINT64_MAX) == -1);
    check("by the list", is(keyward_status_list_check(read, license, 1810000000), "suspended"));

    const KeywardStatusList *handles[] = {read};
    KeywardHealthCheck asked = {1831536000 - 86400, 30, 0, false, NULL, 0, UINT64_MAX};
    KeywardHealth health;
    check("health", is(keyward_health(verifier, KEYWARD_TEXT(token), &asked, &health), NULL));
    check("ending", is(health.state, "ending") && health.valid && health.unknown == NULL && health.changes_at == 1831536000);
    asked.looks_at_lists = true;
    check("unknown", is(keyward_health(verifier, KEYWARD_TEXT(token), &asked, &health), NULL) && is(health.unknown, "no_status_list"));
    asked.lists = handles, asked.list_count = 1;
    check("suspended", is(keyward_health(verifier, KEYWARD_TEXT(token), &asked, &health), NULL) && is(health.state, "suspended"));
    asked.lists = NULL;
    check("lists that are not there", is(keyward_health(verifier, KEYWARD_TEXT(token), &asked, &health), "invalid_argument"));

    struct work work = {verifier, token};
    pthread_t threads[4];
    for (size_t number = 0; number < 4; number++) {
        if (pthread_create(&threads[number], NULL, verify_often, &work) != 0) return 2;
    }
    for (size_t number = 0; number < 4; number++) {
        void *complaint = NULL;
        pthread_join(threads[number], &complaint);
        check("a thread", complaint == NULL);
    }

    KeywardText key = KEYWARD_TEXT("a key of this machine"), kept = {NULL, 0};
    KeywardClockFloor *floor = NULL, *reopened = NULL;
    uint64_t by = 0;
    check("a floor", is(keyward_clock_floor_new(1800000000, 86400, &floor), NULL));
    check("a look", is(keyward_clock_floor_observe(floor, 1800000060, 0, &by), NULL) && by == 0);
    check("a signed time", is(keyward_clock_floor_saw_signed(floor, 1810000000), NULL));
    check("set back", is(keyward_clock_floor_observe(floor, 1800000060, 0, &by), NULL) && by == 9999940);
    check("sealed", is(keyward_clock_floor_seal(floor, key, &kept), NULL) && kept.length > 40);
    check("reopened", is(keyward_clock_floor_open(kept, key, 0, 86400, &reopened), NULL));
    check("where it was", keyward_clock_floor_at(reopened) == 1810000000);
    keyward_clock_floor_free(reopened);
    reopened = NULL;
    check("another key", is(keyward_clock_floor_open(kept, KEYWARD_TEXT("another"), 0, 86400, &reopened), "altered") && reopened == NULL);
    keyward_text_free(kept);
    check("cleaned", is(keyward_pasted(KEYWARD_TEXT("\xef\xbb\xbf\"a b\"\n"), &kept), NULL) && says(kept, "ab"));
    keyward_text_free(kept);
    check("cleaned to nothing", is(keyward_pasted(KEYWARD_TEXT(" \n"), &kept), NULL) && kept.length == 0);
    keyward_text_free(kept);

    KeywardQuestion question = {KEYWARD_TEXT("KEY"), KEYWARD_TEXT("2.1.0"), KEYWARD_TEXT("AQEBAQEBAQEBAQEBAQEBAQ"), {NULL, 0}};
    KeywardText product = KEYWARD_TEXT("p");
    KeywardAnswer *answer = NULL, *recalled = NULL;
    int64_t until = 0, then = 1767225600;
    check("an answer", is(keyward_answer_verify(keys, product, 300, KEYWARD_TEXT(body), &question, then, &answer), NULL));
    check("active", keyward_answer_valid(answer) && says(keyward_answer_status(answer), "active"));
    check("its times", keyward_answer_signed_at(answer) == then && keyward_answer_expires_at(answer) == then + 19 * 86400);
    check("kept", is(keyward_answer_recall(keys, product, KEYWARD_TEXT(body), &question, then + 60, 600, &until, &recalled), NULL) && until == then + 600);
    keyward_answer_free(recalled);
    recalled = NULL;
    check("kept too long", is(keyward_answer_recall(keys, product, KEYWARD_TEXT(body), &question, then + 600, 600, &until, &recalled), "offline_period"));
    check("no place for it", is(keyward_answer_recall(keys, product, KEYWARD_TEXT(body), &question, then, 600, &until, NULL), "invalid_argument"));
    question.machine_id = KEYWARD_TEXT("m");
    check("another machine", is(keyward_answer_recall(keys, product, KEYWARD_TEXT(body), &question, then, 600, &until, &recalled), "other_machine"));
    check("another product", is(keyward_answer_verify(keys, KEYWARD_TEXT("q"), 300, KEYWARD_TEXT(body), &question, then, &recalled), "wrong_product"));
    check("no question", is(keyward_answer_verify(keys, product, 300, KEYWARD_TEXT(body), NULL, then, &recalled), "invalid_argument"));
    keyward_answer_free(answer);
    const uint8_t random[16] = {1};
    check("a nonce", is(keyward_machine_nonce(KEYWARD_TEXT("m"), &random, &kept), NULL) && kept.length == 45);
    keyward_text_free(kept);

    // What a caller may get wrong without breaking a promise: null, and texts that are not UTF-8.
    KeywardText none = {NULL, 0}, gone = {NULL, 5};
    KeywardVerifierBuilder *builder = NULL;
    check("no verifier", is(keyward_verify(NULL, KEYWARD_TEXT(token), 0, &license), "invalid_argument"));
    check("no place", is(keyward_verify(verifier, KEYWARD_TEXT(token), 1810000000, NULL), "invalid_argument"));
    check("no token", is(keyward_verify(verifier, none, 0, &license), "malformed"));
    check("a text that is not there", is(keyward_verify(verifier, gone, 0, &license), "invalid_argument"));
    check("not UTF-8", is(keyward_verify(verifier, KEYWARD_TEXT("\xff"), 0, &license), "malformed"));
    check("no keys", is(keyward_keys_from_jwks(KEYWARD_TEXT("{}"), &keys), "invalid_jwks"));
    check("no product", is(keyward_verifier_for_product(none, &builder), "invalid_argument") && builder == NULL);
    check("no builder", is(keyward_verifier_leeway(NULL, 60), "invalid_argument"));
    check("no floor", is(keyward_clock_floor_observe(NULL, 0, 0, &by), "invalid_argument") && keyward_clock_floor_at(NULL) == 0);
    check("no license", keyward_license_json(NULL).data == NULL && keyward_license_expires_at(NULL) == KEYWARD_NEVER);
    check("no answer", !keyward_answer_valid(NULL) && keyward_status_list_is_stale(NULL, 0));
    check("a builder without keys", is(keyward_verifier_for_any_product(&builder), NULL) && is(keyward_verifier_build(builder, NULL, &verifier), "invalid_argument"));

    keyward_status_list_free(read);
    keyward_clock_floor_free(floor);
    keyward_license_free(license);
    keyward_verifier_free(verifier);
    keyward_keys_free(keys);
    keyward_keys_free(NULL);
    free(jwks), free(token), free(list), free(body);
    printf("%d judged, %d failed\n", judged, failed);
    return failed > 0;
}
