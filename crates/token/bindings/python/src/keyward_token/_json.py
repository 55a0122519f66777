"""JSON as docs/token-format.md, section 6, wants it, and its canonical form (RFC 8785)."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from decimal import Decimal
from typing import Any

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class Integer(int):
    """A number that was written in plain digits: without sign, fraction and exponent."""


def read_object(data: bytes | str, most_depth: int = 32) -> dict[str, Any]:
    """The value of a text that is one object and that no two readers take differently; else ``ValueError``."""
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    try:
        value = json.loads(text, object_pairs_hook=_members, parse_int=_number, parse_float=_number,
                           parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    _check(value, most_depth)
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice")
    return members


def _number(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number beyond the range of a double")
    if text.isdigit():
        return Integer(text)
    return number if set(text) & set(".eE") else int(text)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _check(value: Any, levels: int) -> None:
    if isinstance(value, str):
        value.encode("utf-8")  # fails for lone surrogates
    elif isinstance(value, (dict, list)):
        if levels == 0:
            raise ValueError("nested too deep")
        if isinstance(value, dict):
            for name in value:
                name.encode("utf-8")
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, levels - 1)


def canonical(value: Any) -> str:
    """The text by RFC 8785."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _canonical_number(float(value))
    return json.dumps(value, ensure_ascii=False)


def _canonical_number(number: float) -> str:
    """As ECMAScript writes it."""
    if number == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text, minus = "".join(map(str, digits)), "-" if sign else ""
    point = len(text) + int(exponent)
    if len(text) <= point <= 21:
        return minus + text.ljust(point, "0")
    if 0 < point <= 21:
        return f"{minus}{text[:point]}.{text[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    fraction = "." + text[1:] if len(text) > 1 else ""
    return f"{minus}{text[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def decode(text: str) -> bytes:
    """base64url without padding in its one canonical form; else ``ValueError``."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if encode(data) != text:
        raise ValueError("not canonical")
    return data


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
