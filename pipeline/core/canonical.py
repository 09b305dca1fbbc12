"""A condition written as canonical JSON: equal conditions, equal text, and ``operators`` reads it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
)
from pipeline.core.terms import literal

if TYPE_CHECKING:
    from pipeline.core.condition import Condition, Excluded

_IGNORE_CASE = "equals-ignore-case"


def written(condition: Condition) -> str:
    """Write a condition in canonical form; an ``Exact`` becomes its literals with commas between them."""
    match condition:
        case Exact(literals):
            return ",".join(sorted(literals))
        case Numeric(low, high, above, below):
            lower = [] if low is None else [">" if above else ">=", low]
            upper = [] if high is None else ["<" if below else "<=", high]
            return '{"numeric":[' + ",".join(literal(term) for term in [*lower, *upper]) + "]}"
        case Exists(wanted):
            return f'{{"exists":{literal(wanted)}}}'
        case Cidr(network):
            return f'{{"cidr":"{network}"}}'
        case AnythingBut(excluded):
            return f'{{"anything-but":{_write_excluded(excluded)}}}'
        case _:
            operator, operand = _worded(condition)
            return f'{{"{operator}":{operand}}}'


def _worded(condition: Excluded) -> tuple[str, str]:
    match condition:
        case Prefix(text, folded):
            return "prefix", _maybe_folded(text, folded=folded)
        case Suffix(text, folded):
            return "suffix", _maybe_folded(text, folded=folded)
        case EqualsIgnoreCase(text):
            return _IGNORE_CASE, literal(text)
        case Wildcard(parts):  # pragma: no branch - mypy knows of no other kind
            escaped = (part.replace("\\", "\\\\").replace("*", "\\*") for part in parts)
            return "wildcard", literal("*".join(escaped))


def _maybe_folded(text: str, *, folded: bool) -> str:
    return f'{{"{_IGNORE_CASE}":{literal(text)}}}' if folded else literal(text)


def _write_excluded(excluded: tuple[Exact | Excluded, ...]) -> str:
    operands: list[str] = []
    operator = ""
    for condition in excluded:
        if isinstance(condition, Exact):
            operands += sorted(condition.literals)
        else:
            operator, operand = _worded(condition)
            operands.append(operand)
    listed = "[" + ",".join(operands) + "]"
    return f'{{"{operator}":{listed}}}' if operator else listed
