"""How nouns are made: value classes that cost little to define, since each cold start defines them all."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def noun(cls: type[T]) -> type[T]:
    """Make a value class: equal fields, equal things, and nothing is ever changed after it was made.

    The type checker sees a frozen dataclass, and refuses whoever would change one. At run time it is a plain
    one with slots: a frozen one takes five times as long to make (1.9 µs against 0.4 µs for eleven fields),
    and four times as long to define (0.41 ms against 0.10 ms for four fields), for ``dataclass`` compiles
    each of its methods. Here that is ``__init__`` alone; what else a value needs can be said for all alike.

    Raises:
        TypeError: The class has no field that counts when two are compared.
    """
    made: Any = dataclass(slots=True, repr=False, eq=False)(cls)
    state = attrgetter(*(each.name for each in fields(made) if each.compare))
    shown = [each.name for each in fields(made) if each.repr]

    def same(self: object, other: object) -> bool:
        return state(self) == state(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: object) -> int:
        return hash(state(self))

    def told(self: object) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({values})"

    made.__eq__, made.__hash__, made.__repr__ = same, hashed, told
    return made  # type: ignore[no-any-return]
