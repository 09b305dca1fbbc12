"""The words of the filter language: one condition read from JSON.

A new operator is one more kind of ``Condition``, one more line in ``_READERS`` and in ``canonical``.
What is refused is refused by operator, key and limit:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import math
import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, TypeGuard, cast

from pipeline.core.address import address
from pipeline.core.bad_filter import bad, shown
from pipeline.core.canonical import written
from pipeline.core.condition import (
    AnythingBut,
    Cidr,
    EqualsIgnoreCase,
    Exact,
    Exists,
    Numeric,
    Prefix,
    Suffix,
    Wildcard,
    cases,
)
from pipeline.core.terms import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.core.condition import Condition, Excluded
    from pipeline.core.terms import Number, Scalar

IGNORE_CASE = "equals-ignore-case"


# --- reading ----------------------------------------------------------------------------------


def read(key: str, asked: object) -> Condition:
    """Read one item of an attribute's list.

    Raises:
        Refused: ``bad-filter``; the text names the operator, the attribute and what may be.
    """
    if isinstance(asked, list):
        raise bad(f"The filter on {shown(key)} has a list inside its list: write the values side by side.")
    if not isinstance(asked, dict):
        return Exact(frozenset({literal(cast("Scalar", asked))}))
    if len(asked) != 1:
        raise bad(f"A condition on {shown(key)} is an object with one operator; {known()}.")
    operator, operand = next(iter(asked.items()))
    if operator not in _READERS:
        raise bad(f"The filter on {shown(key)} uses the operator {shown(operator)}; {known()}.")
    return _READERS[operator](key, operand)


def _prefix(key: str, operand: object) -> Prefix:
    return Prefix(*_text_or_folded("prefix", key, operand))


def _suffix(key: str, operand: object) -> Suffix:
    return Suffix(*_text_or_folded("suffix", key, operand))


def _ignore_case(key: str, operand: object) -> EqualsIgnoreCase:
    return EqualsIgnoreCase(_folded(_text(IGNORE_CASE, key, operand)))


def _wildcard(key: str, operand: object) -> Wildcard:
    return _form("wildcard", key, operand)


def _exists(key: str, operand: object) -> Exists:
    if not isinstance(operand, bool):
        raise bad(f'"exists" on {shown(key)} takes true or false, not {shown(operand)}.')
    return Exists(operand)


def _numeric(key: str, operand: object) -> Condition:
    match operand:
        case ["=", number] if _is_number(number):
            return Exact(frozenset({literal(number)}))
        case [(">" | ">=") as over, low] if _is_number(low):
            return Numeric(low, None, above=over == ">")
        case [("<" | "<=") as under, high] if _is_number(high):
            return Numeric(None, high, below=under == "<")
        case [(">" | ">=") as over, low, ("<" | "<=") as under, high] if _is_number(low) and _is_number(high):
            if low >= high:
                raise bad(f'"numeric" on {shown(key)}: its low bound {low} is not under its high one {high}.')
            return Numeric(low, high, above=over == ">", below=under == "<")
    raise bad(
        f'"numeric" on {shown(key)} takes ["=", n], one of > >= < <= with a number, '
        f'or a low bound before a high one as in [">", 0, "<=", 5].'
    )


_NETWORK = re.compile(r"([0-9a-fA-F:.]+)/([0-9]{1,3})", re.ASCII)


def _cidr(key: str, operand: object) -> Cidr:
    found = _NETWORK.fullmatch(operand) if isinstance(operand, str) else None
    base = address(found[1]) if found else None
    if found is None or base is None:
        raise bad(
            f'"cidr" on {shown(key)} takes a network such as "10.0.0.0/8" or "2001:db8::/32", '
            f"not {shown(operand)}."
        )
    if int(found[2]) > base.max_prefixlen:
        raise bad(
            f'"cidr" on {shown(key)}: /{found[2]} is longer than an address of IPv{base.version}, '
            f"which has {base.max_prefixlen} bits."
        )
    return Cidr(ip_network(f"{base}/{found[2]}", strict=False))


def _anything_but(key: str, operand: object) -> AnythingBut:
    if isinstance(operand, dict):
        return AnythingBut(_excluded(key, operand))
    values = operand if isinstance(operand, list) else [operand]
    texts = all(isinstance(value, str) for value in values)
    if not values or not (texts or all(_is_number(value) for value in values)):
        raise bad(
            f'"anything-but" on {shown(key)} takes a text or a number, a list of texts or a list of numbers, '
            f"or an object with {_one_of(_EXCLUDING)}, not {shown(operand)}."
        )
    return AnythingBut((Exact(frozenset(map(literal, values))),))


def _excluded(key: str, asked: Mapping[str, object]) -> tuple[Excluded, ...]:
    operator, operand = next(iter(asked.items()), ("", None))
    if len(asked) != 1 or operator not in _EXCLUDING:
        raise bad(f'"anything-but" on {shown(key)} takes an object with one of {_one_of(_EXCLUDING)} in it.')
    name = f"anything-but {operator}"
    operands = operand if isinstance(operand, list) else [operand]
    if not operands:
        raise bad(f'"{name}" on {shown(key)} has an empty list: nothing is excluded.')
    conditions = {_EXCLUDING[operator](name, key, each) for each in operands}
    return tuple(sorted(conditions, key=written))


def _excluded_prefix(name: str, key: str, operand: object) -> Prefix:
    return Prefix(_some_text(name, key, operand))


def _excluded_suffix(name: str, key: str, operand: object) -> Suffix:
    return Suffix(_some_text(name, key, operand))


def _excluded_ignoring_case(name: str, key: str, operand: object) -> EqualsIgnoreCase:
    return EqualsIgnoreCase(_folded(_text(name, key, operand)))


def _form(name: str, key: str, operand: object) -> Wildcard:
    text, parts = _text(name, key, operand), [""]
    place = 0
    while place < len(text):
        character = text[place]
        if character == "*":
            if text[place : place + 2] == "**":
                raise bad(f'"{name}" on {shown(key)} has two stars in a row: one stands for any text.')
            parts.append("")
        elif character == "\\":
            place += 1
            if text[place : place + 1] not in {"*", "\\"}:
                raise bad(rf'"{name}" on {shown(key)}: write \* and \\ for * and \ themselves.')
            parts[-1] += text[place]
        else:
            parts[-1] += character
        place += 1
    return Wildcard(tuple(parts))


_READERS: Mapping[str, Callable[[str, object], Condition]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    IGNORE_CASE: _ignore_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
}

_EXCLUDING: Mapping[str, Callable[[str, str, object], Excluded]] = {
    "prefix": _excluded_prefix,
    "suffix": _excluded_suffix,
    IGNORE_CASE: _excluded_ignoring_case,
    "wildcard": _form,
}


# --- operands ---------------------------------------------------------------------------------


def _text(name: str, key: str, operand: object) -> str:
    if not isinstance(operand, str):
        raise bad(f'"{name}" on {shown(key)} takes a string, not {shown(operand)}.')
    return operand


def _some_text(name: str, key: str, operand: object) -> str:
    text = _text(name, key, operand)
    if not text:
        raise bad(f'"{name}" on {shown(key)} is empty, which would exclude every text.')
    return text


def _text_or_folded(name: str, key: str, operand: object) -> tuple[str, bool]:
    if not isinstance(operand, dict):
        return _text(name, key, operand), False
    if list(operand) != [IGNORE_CASE]:
        raise bad(f'"{name}" on {shown(key)} takes a string or {{"{IGNORE_CASE}":…}}, not another object.')
    return _folded(_text(f"{name} {IGNORE_CASE}", key, operand[IGNORE_CASE])), True


def _folded(text: str) -> str:
    """Write a text in lower case where that changes nothing, so that equal meanings share a channel."""
    return "".join(
        character.lower() if cases(character) == cases(character.lower()) else character for character in text
    )


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# --- refusals ---------------------------------------------------------------------------------


def known() -> str:
    """List the operators, for the end of a refusal."""
    return "known are exact values, " + ", ".join(f'{{"{operator}":…}}' for operator in _READERS)


def _one_of(names: Mapping[str, object]) -> str:
    return " ".join(f'"{name}"' for name in names)
