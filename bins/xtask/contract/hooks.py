"""What Schemathesis is told besides the OpenAPI document: what the document cannot say, and what a run must leave alone."""

import atexit
import json
import os
import re
import tomllib
from pathlib import Path

import schemathesis

HERE = Path(__file__).parent
EXCEPTIONS = tomllib.loads((HERE / "exceptions.toml").read_text())["exception"]
USED = set()
OWN = set(os.environ["KEYWARD_CONTRACT_OWN_IDS"].split(","))


def explains(exception, check, operation, status, code, fault):
    """Whether an exception is about this."""
    if exception["check"] != check or code not in exception["codes"]:
        return False
    if operation not in exception.get("operations", [operation]):
        return False
    field = fault.get("pointer", fault.get("parameter", ""))
    return any(part in field for part in exception.get("fields", [field]))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops a failure that the exceptions explain wholly."""
    check = {
        "RejectedPositiveData": "positive_data_acceptance",
        "AcceptedNegativeData": "negative_data_rejection",
    }.get(type(failure).__name__, type(failure).__name__)
    operation = case.operation.definition.raw.get("operationId", "")
    try:
        problem = response.json()
    except ValueError:
        return True
    if not isinstance(problem, dict):
        return True
    if check == "negative_data_rejection":
        reasons = [("accepted", {})]
    else:
        errors = problem.get("errors") or []
        whole = problem.get("code") or f"status {problem.get('status')}"
        reasons = [(error.get("code"), error) for error in errors] or [(whole, {})]
    used = set()
    for code, fault in reasons:
        found = [
            index
            for index, exception in enumerate(EXCEPTIONS)
            if explains(exception, check, operation, response.status_code, code, fault)
        ]
        if not found:
            return True
        used.update(found)
    USED.update(used)
    return False


# A run that revokes its own token, removes its own member or suspends its own organization learns nothing from then on.
# Those of others are made by the run itself, and are treated so.
ENDS_THE_RUN = {
    "delete_token",
    "delete_member",
    "update_member",
    "suspend_organization",
    "set_plan",
}


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    operation = context.operation.definition.raw.get("operationId") if context.operation else None
    return operation not in ENDS_THE_RUN or (path_parameters or {}).get("id") not in OWN


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps requests that are right by the document from being about each other, or about somebody else's machine."""
    if not (case.meta and case.meta.generation.mode.is_positive):
        return
    # A key names one request: another one with it is refused.
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = case.id
    # Schemathesis may read the value of a header as JSON, which takes the quotes off a tag that it made right.
    if case.headers and re.fullmatch("[0-9]*", str(case.headers.get("If-Match", "*"))):
        case.headers["If-Match"] = f'"{case.headers["If-Match"] or 0}"'
    # The server asks these addresses.
    if isinstance(case.body, dict):
        for name in {"issuer", "upstream"} & case.body.keys():
            case.body[name] = "http://127.0.0.1:9"


@atexit.register
def report():
    """Says which exceptions were needed."""
    Path(os.environ["KEYWARD_CONTRACT_USED"]).write_text(json.dumps(sorted(USED)))
