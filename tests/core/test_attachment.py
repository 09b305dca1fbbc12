from __future__ import annotations

from typing import Any

from pipeline.core.attachment import Attachment, attachments, foreign, patterns
from pipeline.core.bodies import Kind, Wanted
from pipeline.core.model import Managed

INDEX, OTHER = "a-2026.11.22", "b-2026.11.22"


def policy(name: str, *index_patterns: str, priority: int = 1) -> Wanted:
    body: dict[str, Any] = {"description": "d", "default_state": "hot", "states": [{"name": "hot"}]}
    body["ism_template"] = [{"index_patterns": list(index_patterns), "priority": priority}]
    return Wanted(Kind.POLICY, name, {"policy": body})


A, B = policy("a", "a-*"), policy("b", "b-*", "c-*")
NEWEST = {"a": (5, 1), "b": (6, 1)}


def given(**managed: Managed) -> list[Attachment]:
    found = {name.replace("_", "-", 1).replace("_", "."): each for name, each in managed.items()}
    return list(attachments([INDEX], found, [A, B], NEWEST))


def test_an_index_without_a_policy_gets_the_one_that_is_for_it() -> None:
    indices = [INDEX, "a-2026.11.23", OTHER, "d-2026.11.22", "unlike"]
    assert list(attachments(indices, {}, [A, B], NEWEST)) == [
        Attachment(INDEX, "a", is_new=True),
        Attachment("a-2026.11.23", "a", is_new=True),
        Attachment(OTHER, "b", is_new=True),
    ]


def test_an_index_that_goes_by_the_newest_version_is_left() -> None:
    assert given(a_2026_11_22=Managed("a", (5, 1))) == []


def test_an_index_that_ism_has_not_looked_at_yet_will_take_the_newest_by_itself() -> None:
    assert given(a_2026_11_22=Managed("a")) == []


def test_an_index_that_goes_by_an_older_version_is_changed() -> None:
    assert given(a_2026_11_22=Managed("a", (4, 1))) == [Attachment(INDEX, "a", is_new=False)]


def test_an_index_with_another_policy_of_ours_is_changed_and_one_with_somebody_elses_is_left() -> None:
    assert given(a_2026_11_22=Managed("b", (6, 1))) == [Attachment(INDEX, "a", is_new=False)]
    assert given(a_2026_11_22=Managed("theirs", (6, 1))) == []
    managed = {INDEX: Managed("theirs", (6, 1)), OTHER: Managed("b", (6, 1))}
    assert list(foreign([INDEX, OTHER, "d-2026.11.22"], managed, [A, B])) == [(INDEX, "theirs")]


def test_a_policy_that_is_about_to_change_is_newer_than_any() -> None:
    found = attachments([INDEX], {INDEX: Managed("a", (5, 1))}, [A], {"a": None})
    assert list(found) == [Attachment(INDEX, "a", is_new=False)]


def test_the_patterns_are_those_of_all_policies() -> None:
    assert patterns([A, B]) == ["a-*", "b-*", "c-*"]
    assert patterns([Wanted(Kind.POLICY, "none", {"policy": {}})]) == []
