"""Judges every vector of a folder as docs/vectors/README.md says: ``python vectors.py docs/vectors/v1``."""

import json
import sys
from pathlib import Path

from keyward_token import (ANY_PRODUCT, AnswerVerifier, ClockFloor, Keyring, KeywardError, PublicKey, Question, StatusListVerifier,
                           Verifier, pasted)


def verifier(keys, expected):
    told = {name: value for name, value in expected.items() if name not in ("product", "any_audience")}
    if expected.get("any_audience"):
        told["audience"] = None
    return Verifier(keys, ANY_PRODUCT if expected["product"] is None else expected["product"], **told)


def verdict(judge, good="valid"):
    try:
        judge()
    except KeywardError as error:
        return error.code
    return good


def token(vector, keys):
    def judge():
        license = verifier(keys, vector["expected"]).verify(vector["token"], vector["now"])
        assert license.json == vector.get("claims", license.json)
    return verdict(judge), vector["verdict"]


def paste(vector, keys):
    left = pasted(vector["text"])
    return (left, verdict(lambda: Verifier(keys, ANY_PRODUCT).verify(left, vector["now"]))), (vector["pasted"], vector["verdict"])


READERS = {"public-pem": PublicKey.from_pem, "public-jwk": PublicKey.from_jwk, "paserk-public": PublicKey.from_paserk,
           "jwks": Keyring.from_jwks, "pem-bundle": Keyring.from_pem}


def key(vector, _):
    try:
        read = READERS[vector["form"]](vector["text"])
        found = [key.kid for key in (read if isinstance(read, Keyring) else [read])]
    except KeywardError as error:
        found = error.code
    return found, vector.get("kids", vector.get("error"))


def listed(vector, keys, part_keys):
    told = {name: vector[name] for name in ("uri", "not_older_than", "max_token_bytes", "max_list_bytes") if name in vector}
    license = Verifier(part_keys, ANY_PRODUCT).verify(vector["license"], vector["now"])
    check = StatusListVerifier(keys, **told).check
    return verdict(lambda: check(vector["lists"], license, vector["now"])), vector["verdict"]


def table(vector, keys):
    found = StatusListVerifier(keys).verify(vector["list"], vector["now"])
    statuses = [[index, found.status(index)] for index in range(len(found)) if found.status(index)]
    seen = (found.uri, found.issued_at, found.expires_at, found.is_stale(vector["now"]), len(found), statuses)
    return seen, tuple(vector[name] for name in ("uri", "issued_at", "expires_at", "stale", "entries", "statuses"))


def health(vector, keys):
    told = {name: vector[name] for name in ("warning_days", "leeway_seconds", "max_list_age_seconds") if name in vector}
    if "lists" in vector:
        told["lists"] = [StatusListVerifier(keys).verify(text, 1_800_000_000) for text in vector["lists"]]
    try:
        seen = Verifier(keys, ANY_PRODUCT).authenticate(vector["token"]).health(vector["now"], **told)
    except KeywardError as error:
        return error.code, vector.get("error")
    members = {"state": seen.state, "state_by_times": seen.state_by_times, "valid": seen.is_valid, "begins": seen.begins_at,
               "ends": seen.ends_at, "expires": seen.expires_at, "changes": seen.changes_at, "list_age_seconds": seen.list_age_seconds}
    return (members if seen.unknown is None else {**members, "unknown": seen.unknown}), vector["health"]


def clock(vector, _):
    secret = bytes.fromhex(vector["key_hex"])
    told = {"tolerance_seconds": vector["tolerance_seconds"]} if "tolerance_seconds" in vector else {}
    try:
        floor = (ClockFloor.open(vector["open"], secret, vector["built"], **told) if "open" in vector
                 else ClockFloor(vector["built"], **told))
    except KeywardError as error:
        return error.code, vector.get("error")
    for number, step in enumerate(vector.get("steps", [])):
        if "saw_signed" in step:
            floor.saw_signed(step["saw_signed"])
        by = floor.observe(step["now"], step["ran_seconds"]) if "now" in step else 0
        seen, wanted = (by, floor.at, floor.seal(secret)), (step.get("set_back_by", 0), step["at"], step["sealed"])
        if seen != wanted:
            return (number, seen), (number, wanted)
    return None, vector.get("error")


def asked(vector):
    question = vector["question"]
    return Question(question["license_key"], question.get("version"), question["nonce"], vector.get("machine_id"))


def answer(vector, keys):
    told = {name: vector[name] for name in ("clock_tolerance_seconds",) if name in vector}
    judge = AnswerVerifier(keys, vector["product_id"], **told)
    decided = judge.decide(asked(vector), vector["body"], None, vector["now"], offline_seconds=0)
    said = verdict(lambda: judge.verify(vector["body"], asked(vector), vector["now"]), "trusted")
    return (said, decided.may_run), (vector["verdict"], vector["may_run"])


def kept(vector, keys):
    judge, until = AnswerVerifier(keys, vector["product_id"]), []
    told = {"now": vector["now"], "offline_seconds": vector["offline_seconds"]}
    said = verdict(lambda: until.append(judge.recall(vector["body"], asked(vector), **told)[1]))
    decided = judge.decide(asked(vector), None, vector["body"], **told)
    return ((said, *until), decided.may_run), ((vector["verdict"], *([vector["until"]] if "until" in vector else [])), said == "valid")


PARTS = {"tokens": token, "pasted": paste, "keys": key, "lists": listed, "tables": table, "health": health, "clock": clock,
         "answers": answer, "kept": kept}


def main(folder):
    passed = failed = 0
    for path in sorted(Path(folder).glob("*.json")):
        if path.name == "signing.json":  # for signers
            continue
        part = json.loads(path.read_text("utf-8"))
        part_keys = Keyring.from_jwks(part["keys"])
        assert part["format"] == 1, f"{path.name} is of another format"
        for vector in part["vectors"]:
            try:
                keys = Keyring.from_jwks(vector["keys"]) if "keys" in vector else part_keys
                judge = PARTS[path.stem]
                seen, wanted = judge(vector, keys, part_keys) if judge is listed else judge(vector, keys)
            except Exception as error:  # a judge that breaks is a failure, too
                seen, wanted = repr(error), "a verdict"
            if seen == wanted:
                passed += 1
            else:
                failed += 1
                print(f"FAILED {path.stem}: {vector['name']}: {seen!r} instead of {wanted!r}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
