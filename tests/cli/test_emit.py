"""What ``livedex emit`` makes of its input; the bus is one that remembers."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.cli import events, lines, producer
from pipeline.cli.arrivals import Arrivals
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

ENVELOPE = {"source": "a", "detail-type": "B", "detail": {"n": 1}}


def read(text: str | bytes) -> list[lines.Line]:
    body = text.encode() if isinstance(text, str) else text
    return list(lines.read(body.splitlines(keepends=True)))


@dataclass(frozen=True)
class Answer:
    error: str = ""


@dataclass
class Bus:
    """A bus that refuses what has the detail ``{"refuse": true}``."""

    calls: list[list[dict[str, Any]]] = field(default_factory=list)
    put: threading.Event = field(default_factory=threading.Event)

    def put_envelopes(self, envelopes: Sequence[Mapping[str, Any]]) -> Sequence[Answer]:
        self.calls.append([dict(each) for each in envelopes])
        self.put.set()
        return [
            Answer("ThrottlingException: slow down" if "refuse" in each["detail"] else "")
            for each in envelopes
        ]


def test_a_line_may_be_an_envelope_or_an_entry_of_put_events() -> None:
    entry = {"Source": "a", "DetailType": "B", "Detail": '{"n": 1}', "EventBusName": "other"}
    text = f"{json.dumps(ENVELOPE)}\n{json.dumps(entry)}\n"
    assert [each.envelope for each in read(text)] == [ENVELOPE, ENVELOPE]


def test_a_bad_line_is_named_by_its_number_and_the_rest_is_read() -> None:
    text = '{"n":1}\n\nnope\n[1]\n{"n":2}\n{"Detail":"nope"}\n{"n":NaN}\n{"n":1e999}\n{"n":'
    found = read(text)
    assert [each.envelope for each in found if not each.fault] == [{"n": 1}, {"n": 2}]
    assert [each.place for each in found if each.fault] == [f"line {n}" for n in (3, 4, 6, 7, 8, 9)]


def test_what_is_no_text_or_nested_too_deep_is_a_bad_line() -> None:
    found = read(b"\xff\n" + b"[" * 100_000 + b"\n{}\n")
    assert ["not JSON" in each.fault for each in found] == [True, True, False]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_document_may_hold_one_event_or_a_list_of_them(indent: int | None) -> None:
    assert [each.envelope for each in read(json.dumps(ENVELOPE, indent=indent))] == [ENVELOPE]
    found = read("\n" + json.dumps([ENVELOPE, 3, ENVELOPE], indent=indent))
    assert [each.envelope for each in found if not each.fault] == [ENVELOPE, ENVELOPE]
    assert [each.place for each in found if each.fault] == ["event 2"]


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text(), max_size=3)))
def test_what_was_written_one_a_line_is_read_one_a_line(values: list[dict[str, Any]]) -> None:
    wanted = [each for each in values if not each.keys() & {"Detail", "Source"}]
    body = "".join(json.dumps(each) + "\n" for each in wanted).encode()
    assert [each.envelope for each in lines.read(body.splitlines(keepends=True))] == wanted


def test_accepted_and_failed_are_counted_and_each_failure_has_its_place() -> None:
    refused = json.dumps({**ENVELOPE, "detail": {"refuse": True}})
    bus, tally = Bus(), producer.Tally()
    producer.produce(read(f"{json.dumps(ENVELOPE)}\nnope\n{refused}\n{json.dumps(ENVELOPE)}"), bus, tally)
    assert (tally.accepted, tally.failed) == (2, 2)
    assert [place for place, _ in tally.failures] == ["line 2", "line 3"]


def test_a_call_carries_at_most_ten_events_and_keeps_their_order() -> None:
    bus = Bus()
    producer.produce([lines.Line(str(n), {"n": n, "detail": {}}) for n in range(25)], bus, producer.Tally())
    assert [len(call) for call in bus.calls] == [10, 10, 5]
    assert [each["n"] for call in bus.calls for each in call] == list(range(25))


def test_events_without_a_tenant_are_counted_when_accepted() -> None:
    tally = producer.Tally()
    refused = lines.Line("2", {"detail": {"refuse": True}})
    producer.produce([lines.Line("1", ENVELOPE), refused], Bus(), tally, is_homeless=lambda _: True)
    assert tally.homeless == 1


def test_an_endless_producer_ends_when_told() -> None:
    stop, bus = threading.Event(), Bus()

    def endless() -> Iterator[lines.Line]:
        for number in range(10_000):
            if number == 35:
                stop.set()
            yield lines.Line(str(number), ENVELOPE)

    producer.produce(endless(), bus, producer.Tally(), stop=stop)
    assert sum(map(len, bus.calls)) <= 35


def test_at_a_rate_no_event_waits_for_its_call_to_be_full() -> None:
    bus = Bus()
    producer.produce([lines.Line(str(n), ENVELOPE) for n in range(3)], bus, producer.Tally(), rate=1_000)
    assert sum(map(len, bus.calls)) == 3


def test_lines_of_a_pipe_are_put_as_they_come() -> None:
    reading, writing = os.pipe()
    bus, tally = Bus(), producer.Tally()
    arrivals = Arrivals(reading)
    thread = threading.Thread(
        target=producer.produce, args=(lines.read(arrivals), bus, tally), kwargs={"ready": arrivals.ready}
    )
    thread.start()
    waited = []
    for _ in range(2):
        bus.put.clear()
        os.write(writing, json.dumps(ENVELOPE).encode() + b"\n")
        waited.append(bus.put.wait(10))
    os.close(writing)
    thread.join(10)
    os.close(reading)
    assert waited == [True, True]
    assert tally.accepted == 2


def test_the_last_line_needs_no_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo")
    os.close(writing)
    arrivals = Arrivals(reading)
    assert list(arrivals) == [b"one\n", b"two"]
    os.close(reading)


@pytest.mark.parametrize("typed", [[], ["FILE", "--sample", "3"]])
def test_it_takes_either_a_file_or_a_number_of_samples(typed: list[str]) -> None:
    refused = CliRunner().invoke(events.commands, typed)
    assert isinstance(refused.exception, StackError)
    assert "--sample" in str(refused.exception)


def test_without_a_running_stack_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(events.commands, ["--sample", "3"])
    assert isinstance(refused.exception, StackError)
    assert "livedex up" in str(refused.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "detail", "homeless"),
    [
        ("payments", {"tenant": "acme"}, 0),
        ("payments", {}, 1),
        ("payments", {"tenant": ""}, 1),
        ("no route", {"tenant": "acme"}, 0),
        ("no route", {"tenant": None}, 1),
    ],
)
def test_an_event_is_homeless_when_its_route_finds_no_tenant(
    source: str, detail: dict[str, Any], homeless: int
) -> None:
    is_homeless = events.without_tenant()
    assert is_homeless({"source": source, "detail-type": "PaymentSettled", "detail": detail}) == homeless
