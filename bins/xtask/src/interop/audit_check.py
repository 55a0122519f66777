"""Checks an export of the audit log by docs/audit.md alone: python audit_check.py EXPORT JWKS. The first line at fault ends it."""
import base64, hashlib, json, sys
import jwt, rfc8785

def text(raw): return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
def sha256(value): return text(hashlib.sha256(rfc8785.dumps(value)).digest())
def need(true, why):
    if not true: raise SystemExit(f"line {number}: {why}")

keys = {key["kid"]: jwt.PyJWK(key, "EdDSA") for key in json.load(open(sys.argv[2]))["keys"]}
at = first = last = organization = None
for number, line in enumerate(map(json.loads, open(sys.argv[1])), 1):
    last = None
    if "checkpoint" in line:
        header = jwt.get_unverified_header(line["checkpoint"])
        if header["kid"] not in keys: continue
        last = jwt.decode(line["checkpoint"], keys[header["kid"]], ["EdDSA"], options={"verify_aud": False})
        at = at or (last["seq"], last["hash"])
        need(header["typ"] == "keyward-audit+jwt" and at == (last["seq"], last["hash"]), "the checkpoint signs something else")
        need(last["sub"] == (organization or last["sub"]), "another organization")
        continue
    event = line["event"]
    first, at = first or event["seq"], at or (event["seq"] - 1, event["prev"])
    need((event["seq"], event["prev"]) == (at[0] + 1, at[1]) and line["hash"] == sha256(event), "missing, altered or swapped")
    for path, (salt, value) in line["disclosed"].items():
        need(event["commitments"].get(path) == sha256([salt, path, value]), f"{path} was altered")
    at, organization = (event["seq"], line["hash"]), event["organization"]
need(last and last["first"] == (first or last["seq"] + 1), "the beginning or the end is missing")
print(f"{at[0]} events, signed {last['iat']}")
