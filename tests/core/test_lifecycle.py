from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.core import lifecycle
from tests.examples import NOW

POLICIES = Path(__file__).parents[2] / "ism_policies"
HOUR, DAY = 3_600_000, 86_400_000


def policy(*states: dict[str, Any], first: str = "hot", pattern: object = "x-*", priority: int = 0) -> Any:  # noqa: ANN401 - JSON
    templates = [{"index_patterns": pattern, "priority": priority}]
    return {"policy": {"default_state": first, "states": list(states), "ism_template": templates}}


def state(name: str, *actions: str, **to: object) -> dict[str, Any]:
    """A state with its actions; each further argument is a transition and its condition on age."""
    transitions = [
        {"state_name": target, **({"conditions": condition} if condition else {})}
        for target, condition in to.items()
    ]
    return {"name": name, "actions": [{action: {}} for action in actions], "transitions": transitions}


def age(**condition: str) -> dict[str, str]:
    return condition


@pytest.mark.parametrize("file", sorted(POLICIES.glob("*.json")), ids=lambda file: file.stem)
def test_our_own_policies_keep_indices_writable_until_they_delete_them(file: Path) -> None:
    body = orjson.loads(file.read_bytes())
    assert lifecycle.read_only_age(body) is None
    assert lifecycle.deletion_age(body) == 14 * DAY
    assert [(stay.state, stay.age) for stay in lifecycle.stays(body)] == [
        ("hot", 0),
        ("warm", 2 * DAY),
        ("delete", 14 * DAY),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2d", 2 * DAY),
        ("36H", 36 * HOUR),
        ("90 m", 90 * 60_000),
        ("5s", 5_000),
        ("7ms", 7),
        ("9nanos", 0),
        ("1M", None),
        ("2W", None),
        ("0", 0),
        ("-1", 0),
        ("1w", None),
        ("1.5d", None),
        ("-3d", None),
        (30, None),
    ],
)
def test_a_duration_is_read_as_opensearch_reads_it(text: object, expected: int | None) -> None:
    assert lifecycle.milliseconds(text) == expected


@pytest.mark.parametrize("sealing", ["read_only", "close", "force_merge", "shrink"])
def test_the_first_state_that_takes_no_documents_counts(sealing: str) -> None:
    body = policy(
        state("hot", warm=age(min_index_age="1d")),
        state("warm", "replica_count", cold=age(min_index_age="3d")),
        state("cold", sealing, frozen=age(min_index_age="9d")),
        state("frozen", "read_only"),
    )
    assert lifecycle.read_only_age(body) == 3 * DAY


def test_time_in_a_state_adds_up_and_an_age_that_is_past_costs_no_more() -> None:
    body = policy(
        state("hot", warm=age(min_index_age="2d")),
        state("warm", cool=age(min_state_age="12h")),
        state("cool", cold=age(min_index_age="1d")),
        state("cold", sealed=None),
        state("sealed", "read_only"),
    )
    assert lifecycle.read_only_age(body) == 2 * DAY + 12 * HOUR


def test_of_two_ways_the_shorter_counts_however_they_are_written() -> None:
    ways = {"slow": age(min_index_age="5d"), "fast": age(min_index_age="1d")}
    for order in (ways, dict(reversed(ways.items()))):
        body = policy(
            state("hot", **order),
            state("slow", sealed=None),
            state("fast", sealed=None),
            state("sealed", "read_only", hot=None),
        )
        assert lifecycle.read_only_age(body) == DAY


@pytest.mark.parametrize(
    "body",
    [
        policy(state("hot", warm=age(min_size="50gb")), state("warm", "read_only")),
        policy(state("hot", warm=age(min_index_age="1w")), state("warm", "read_only")),
        policy(state("hot", warm=age(min_state_age="1w")), state("warm", "read_only")),
        policy(state("hot", warm={"min_index_age": "1d", "min_size": "1b"}), state("warm", "read_only")),
        policy(state("hot", nowhere=age(min_index_age="1d")), state("warm", "read_only")),
        policy(state("hot", gone=age(min_index_age="1d")), state("gone", "delete")),
        policy(state("hot"), first="elsewhere"),
        {"policy": {"states": [{"name": "hot"}]}},
    ],
)
def test_where_age_alone_does_not_lead_to_read_only_there_is_no_age(body: Any) -> None:  # noqa: ANN401 - JSON
    assert lifecycle.read_only_age(body) is None


def test_a_family_has_the_age_of_the_policy_that_takes_its_indices_with_the_highest_priority() -> None:
    def sealed_at(text: str, **more: Any) -> Any:  # noqa: ANN401 - JSON
        return policy(state("hot", warm=age(min_index_age=text)), state("warm", "read_only"), **more)

    policies = [
        sealed_at("1d", pattern=["a-*", "b-*"], priority=5),
        sealed_at("2d", pattern="b-*", priority=10),
        policy(state("hot"), pattern="c-*"),
        {"policy": {"states": []}},
    ]
    assert lifecycle.read_only_ages(policies, ["a", "b", "c", "d"]) == {"a": DAY, "b": 2 * DAY}


@pytest.mark.parametrize(
    ("occurred", "expected"),
    [
        (NOW - 2 * DAY, True),
        (NOW - DAY - 1, True),
        (NOW - DAY - 5, True),
        (NOW - DAY, False),
        (NOW, False),
    ],
)
def test_the_age_counts_from_the_start_of_the_facts_day(occurred: int, expected: bool) -> None:  # noqa: FBT001 - a table
    assert lifecycle.is_read_only(occurred, 2 * DAY, NOW) is expected


def test_what_never_becomes_read_only_is_not() -> None:
    assert not lifecycle.is_read_only(0, None, NOW)
