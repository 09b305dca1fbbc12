"""Nouns are what frozen dataclasses are, but for what defining and making them costs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.noun import noun


@noun
class Place:
    """A place, as a noun."""

    name: str
    floor: int | None = None
    tags: tuple[str, ...] = ()
    seen: int = field(default=0, compare=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Model:
    """The same, as a frozen dataclass."""

    name: str
    floor: int | None = None
    tags: tuple[str, ...] = ()
    seen: int = field(default=0, compare=False)
    secret: str = field(default="", repr=False)


@noun
class Single:
    """A noun of one field."""

    name: Any


VALUES = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from((None, 0, 1)),
    st.sampled_from(((), ("x",))),
    st.integers(0, 1),
    st.sampled_from(("", "s")),
)


@given(VALUES, VALUES)
def test_two_are_equal_hash_alike_and_are_shown_as_two_frozen_dataclasses_would(
    one: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    assert (Place(*one) == Place(*other)) is (Model(*one) == Model(*other))
    assert (Place(*one) != Place(*other)) is (Model(*one) != Model(*other))
    assert Place(*one) != Place(*other) or hash(Place(*one)) == hash(Place(*other))
    assert repr(Place(*one)) == repr(Model(*one)).replace("Model", "Place")


def test_what_has_the_same_fields_but_is_another_noun_or_no_noun_is_not_equal() -> None:
    assert Place("a") != Model("a")
    assert Single("a") != "a"
    assert Single(("a",)) != Single("a")


def test_a_noun_of_one_field_is_that_field() -> None:
    assert Single("a") == Single("a")
    assert len({Single("a"), Single("a"), Single("b")}) == 2
    assert repr(Single("a")) == "Single(name='a')"


def test_a_noun_whose_field_has_no_hash_has_none_either() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Single([]))


def test_what_is_known_of_dataclasses_holds_for_nouns() -> None:
    place = Place("a", 1)

    assert replace(place, floor=2) == Place("a", 2)
    assert [each.name for each in fields(Place)] == ["name", "floor", "tags", "seen", "secret"]  # type: ignore[arg-type]
    assert not hasattr(place, "__dict__")
    match place:
        case Place(name, floor):
            assert (name, floor) == ("a", 1)


def test_a_noun_needs_a_field_that_counts() -> None:
    with pytest.raises(TypeError):

        @noun
        class Empty:
            """Nothing."""
