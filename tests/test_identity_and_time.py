"""One fact is one document: however often it is sent, whenever, and however its moment is written."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryClock, MemoryDeltaBus, MemoryQueues
from pipeline.core import instant, normalise, parse, route
from pipeline.core.errors import Rejected
from pipeline.core.model import Delivery
from pipeline.indexing import End, index
from pipeline.settings import read
from pipeline.wiring import adapters, shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.core.document import Document


MIDNIGHT = instant.read("2026-01-01T00:00:00Z")
"""Where memory's clock begins."""

ROUTES = """
[[route]]
source = "payments"
family = "FAMILY"
identity = ["paymentId", "attempt"]
occurred = "occurredAt"
tenant = "tenant"
attributes = { status = "status" }
"""


def at_offset(moment: int, minutes: int) -> str:
    zone = timezone(timedelta(minutes=minutes))
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=moment)).astimezone(zone).isoformat()


FORMS: dict[str, Callable[[int], object]] = {
    "ISO in UTC": instant.iso,
    "ISO without offset": lambda moment: instant.iso(moment).removesuffix("Z"),
    "ISO in India": lambda moment: at_offset(moment, 330),
    "ISO in Newfoundland": lambda moment: at_offset(moment, -210),
    "ISO on the date line": lambda moment: at_offset(moment, 14 * 60),
    "ISO in small letters": lambda moment: instant.iso(moment).lower(),
    "ISO to the nanosecond": lambda moment: instant.iso(moment).replace("Z", "999999Z"),
    "seconds": lambda moment: moment / 1_000,
    "milliseconds": lambda moment: moment,
    "microseconds": lambda moment: moment * 1_000 + 7,
    "nanoseconds": lambda moment: moment * 1_000_000 + 7,
}
"""The ways in which producers write one moment."""

moments = st.integers(MIDNIGHT - 3 * instant.DAY, MIDNIGHT + instant.DAY) | st.integers(
    MIDNIGHT - 2, MIDNIGHT + 2
)
forms = st.sampled_from(list(FORMS))


def envelope(detail: dict[str, Any], **changes: object) -> str:
    """An event's JSON text as it lies in the queue."""
    return json.dumps(
        {
            "id": str(uuid4()),
            "source": "payments",
            "detail-type": "PaymentFailed",
            "time": "2026-01-01T00:00:00Z",
            "detail": {"paymentId": "p", "attempt": 1, "tenant": "acme", **detail},
            **changes,
        }
    )


def document(body: str, now: int = MIDNIGHT) -> Document:
    event = parse.event(body)
    chosen = route.choose(event, route.routes(ROUTES.replace("FAMILY", "metrics")))
    return normalise.normalise(event, chosen, single_tenant=False, now=now)


def place(body: str, now: int = MIDNIGHT) -> tuple[str, str]:
    made = document(body, now)
    return made.index, made.id


# --- equal facts ------------------------------------------------------------------------------


@given(moments, forms, forms, moments, st.none() | st.text(max_size=5), st.integers(0, 2 * instant.DAY))
def test_a_fact_has_one_place_however_its_moment_is_written_and_whenever_it_is_sent(
    moment: int, form: str, other: str, sent: int, replay: str | None, later: int
) -> None:
    again = envelope(
        {"occurredAt": FORMS[other](moment)},
        time=instant.iso(sent),
        **{"replay-name": replay} if replay else {},
    )
    first = document(envelope({"occurredAt": FORMS[form](moment)}))
    second = document(again, MIDNIGHT + later)
    assert (first.index, first.id, first.timestamp) == (second.index, second.id, second.timestamp)
    assert first.index == f"metrics-{instant.iso(moment)[:10].replace('-', '.')}"


@pytest.mark.parametrize("form", FORMS)
def test_the_day_changes_between_two_milliseconds_in_every_form(form: str) -> None:
    days = [document(envelope({"occurredAt": FORMS[form](MIDNIGHT + ms)})).index[-10:] for ms in (-1, 0)]
    assert days == ["2025.12.31", "2026.01.01"]


@pytest.mark.parametrize(
    "leap",
    [
        "2025-12-31T23:59:60Z",
        "2025-12-31T23:59:60.500Z",
        "2026-01-01T00:59:60+01:00",
        "20251231T235960Z",
        "2025-12-31t23:59:60z",
    ],
)
def test_a_leap_second_is_the_end_of_the_day_that_it_names(leap: str) -> None:
    made = document(envelope({"occurredAt": leap}))
    assert (made.index, made.timestamp) == ("metrics-2025.12.31", MIDNIGHT - 1)


@pytest.mark.parametrize(
    "midnight", ["2025-12-31T24:00:00Z", "2025-12-31T24:00Z", "2025-12-31T19:00:00-05:00"]
)
def test_midnight_begins_a_day_however_it_is_written(midnight: str) -> None:
    assert document(envelope({"occurredAt": midnight})).index == "metrics-2026.01.01"


def test_an_identity_is_one_number_however_it_is_written() -> None:
    texts = [
        envelope({"attempt": 100, "occurredAt": MIDNIGHT}).replace(" 100,", f" {text},")
        for text in ("100", "100.0", "1e2", "1E+2")
    ]
    assert len({place(text) for text in texts}) == 1


# --- different facts --------------------------------------------------------------------------

numbers = st.integers(-(2**70), 2**70) | st.integers(2**53 - 2, 2**53 + 2) | st.integers(2**64 - 2, 2**64 + 2)
identities = (
    numbers
    | st.booleans()
    | st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)


@given(st.tuples(identities, identities), st.tuples(identities, identities))
def test_facts_that_differ_never_share_a_place_they_are_refused_before_they_do(
    one: tuple[Any, Any], other: tuple[Any, Any]
) -> None:
    places = []
    for payment, attempt in (one, other):
        body = envelope({"paymentId": payment, "attempt": attempt, "occurredAt": MIDNIGHT})
        try:
            places.append(place(body))
        except Rejected as rejected:
            assert rejected.reason == "bad-identity"  # noqa: PT017 - what is accepted is compared below
            return
    same = [(type(value) is bool, isinstance(value, str), value) for value in one] == [
        (type(value) is bool, isinstance(value, str), value) for value in other
    ]
    assert (places[0] == places[1]) == same


@given(numbers)
def test_neighbours_of_any_size_are_two_facts_or_refused(number: int) -> None:
    found = []
    for value in (number, number + 1):
        try:
            found.append(place(envelope({"paymentId": value, "occurredAt": MIDNIGHT})))
        except Rejected:
            assert not -(2**63) < value < 2**64
    assert len(set(found)) == len(found)


# --- a thousand facts, three times, in the real node ------------------------------------------

FACTS, TIMES, BATCH = 1_000, 3, 300


@pytest.fixture
def family(opensearch_url: str) -> Iterator[str]:
    """A family of its own with the project's mapping; all of it is deleted afterwards."""
    name = f"facts_{uuid4().hex[:12]}"
    common = json.loads((shipped.ROOT / "index_templates" / "livedex-common.json").read_bytes())
    template = {"index_patterns": [f"{name}-*"], "composed_of": [name], "priority": 300}
    with urllib3.PoolManager() as http:
        for path, body in ((f"_component_template/{name}", common), (f"_index_template/{name}", template)):
            assert http.request("PUT", f"{opensearch_url}/{path}", json=body).status == 200
        yield name
        indices = f"{name}-2025.12.31,{name}-2026.01.01?ignore_unavailable=true"
        for path in (indices, f"_index_template/{name}", f"_component_template/{name}"):
            http.request("DELETE", f"{opensearch_url}/{path}")


def test_a_thousand_facts_sent_three_times_across_midnight_leave_a_thousand_documents(
    opensearch_url: str, family: str
) -> None:
    chance = Random(20260101)  # noqa: S311 - the same order in every run
    ways = list(FORMS)
    sendings = [(fact, time) for fact in range(FACTS) for time in range(TIMES)]
    chance.shuffle(sendings)
    clock, bus = MemoryClock(), MemoryDeltaBus()
    store = adapters.store(
        read({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "LIVEDEX_OPENSEARCH_URL": opensearch_url})
    )
    ends: Counter[End] = Counter()
    for start in range(0, len(sendings), BATCH):
        deliveries = []
        for fact, time in sendings[start : start + BATCH]:
            moment = MIDNIGHT + (fact - FACTS // 2) * 250  # two minutes before midnight to two after
            body = envelope(
                {
                    "paymentId": f"p-{fact // 2}",
                    "attempt": fact % 2,
                    "occurredAt": FORMS[chance.choice(ways)](moment),
                    "status": "open",
                },
                time=instant.iso(moment + time * instant.HOUR),
            )
            deliveries.append(Delivery(f"{fact}-{time}", body, receives=1, sent=moment + time * instant.HOUR))
        report = index(
            deliveries,
            routes=route.routes(ROUTES.replace("FAMILY", family)),
            store=store,
            bus=bus,
            queue=MemoryQueues(clock),
            clock=clock,
            deadline=clock.now() + 30_000,
            single_tenant=False,
        )
        assert report.returned == ()
        ends += report.ends

    assert ends == {End.STORED: FACTS, End.ALREADY_THERE: FACTS * (TIMES - 1)}
    store.refresh(f"{family}-*")
    hits = store.search(f"{family}-*", {"size": FACTS * TIMES, "query": {"match_all": {}}})
    facts = {(hit["_source"]["detail"]["paymentId"], hit["_source"]["detail"]["attempt"]) for hit in hits}
    assert len(hits) == len(facts) == FACTS
    assert Counter(hit["_index"][-10:] for hit in hits) == {
        "2025.12.31": FACTS // 2,
        "2026.01.01": FACTS // 2,
    }
    assert ends == {End.STORED: FACTS, End.ALREADY_THERE: FACTS * (TIMES - 1)}
    announced = {delta["id"] for entry in bus.entries for delta in json.loads(entry.detail)["deltas"]}
    assert announced == {hit["_id"] for hit in hits}
