"""JSON as docs/token-format.md §6 wants it, and text as §10 says it is pasted. `json.loads` takes names that stand twice,
any depth, lone surrogates, NaN, and numbers that it reads as infinite."""

import json
import math

MOST_DEPTH = 32
QUOTES = "\"'`´«»‹›‘’‚‛“”„‟〝〞〟＂＇"
# What Unicode calls Default_Ignorable_Code_Point.
INVISIBLE = [(0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
             (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
             (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)]


class Integer(int):
    """A number that was written as digits and nothing else: no sign, fraction or exponent."""


def pasted(text: str) -> str:
    """A token or key without what copying adds: white space and invisible characters anywhere, quotes around it."""
    ignored = lambda c: c.isspace() or any(first <= ord(c) <= last for first, last in INVISIBLE)
    return "".join(c for c in text if not ignored(c)).strip(QUOTES)


def strict_object(data: bytes) -> dict:
    """The value of one JSON object."""
    def members(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name stands twice")
        return dict(pairs)

    def number(text):
        if math.isinf(float(text)):
            raise ValueError("a number beyond the range of a double")
        return Integer(text) if text.isdigit() else float(text) if set(text) & set(".eE") else int(text)

    def refuse(text):
        raise ValueError(f"{text} is not JSON")

    value = json.loads(data.decode("utf-8"), object_pairs_hook=members, parse_int=number, parse_float=number,
                       parse_constant=refuse)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    check(value, 1)
    return value


def check(value, depth: int) -> None:
    if isinstance(value, str):
        value.encode("utf-8")  # fails for lone surrogates
    elif isinstance(value, (dict, list)):
        if depth > MOST_DEPTH:
            raise ValueError("nested too deep")
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            check(inner, depth + 1)
