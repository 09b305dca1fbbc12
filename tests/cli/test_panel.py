"""What the panel adds up, and how it looks."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from pipeline.cli import panel_view
from pipeline.cli.arrivals import Growth
from pipeline.cli.figures import Figures

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_790_000_000_000
HIT: dict[str, Any] = {
    "id": "a",
    "source": "payments",
    "eventType": "PaymentFailed",
    "timestamp": "2026-09-21T14:13:20.000Z",
    "ingested": NOW + 20,
    "message": "charge-card declined",
    "attributes": {"service": "payments", "severity": "error", "region": "eu-west-1"},
}


def figures() -> Figures:
    return Figures(began=NOW, now=NOW)


def index(**counts: Any) -> str:  # noqa: ANN401 - a line's fields
    return json.dumps({"time": NOW, "function": "index", "ms": 12, **counts})


def broadcast(**counts: Any) -> str:  # noqa: ANN401 - a line's fields
    return json.dumps({"time": NOW, "function": "broadcast", "ms": 12, **counts})


def picture(of: Figures, width: int, height: int = 30) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    with console.capture() as captured:
        console.print(panel_view.view(of, width, height))
    return captured.get().splitlines()


def test_counts_of_invocations_are_summed_up_each_from_the_function_that_knows() -> None:
    of = figures()
    of.invoked(index(received=10, stored=8, already_there=1, rejected=1, retried=0, announced=8))
    of.invoked(index(received=1, stored=1))
    of.invoked(broadcast(received=2, matched=9, posted=9, rejected=0))
    of.invoked(json.dumps({"function": "fanout", "received": 1, "posted": 3}))
    of.invoked(json.dumps({"function": "message", "received": 5, "posted": 5}))
    assert (of.totals["received"], of.totals["stored"], of.totals["posted"]) == (11, 9, 12)


@pytest.mark.parametrize("line", ["", "no JSON", "[]", "{}", '{"function": 3}', index(received="many")])
def test_a_line_that_makes_no_sense_is_passed_over(line: str) -> None:
    of = figures()
    of.invoked(line)
    assert of.totals.total() == 0
    of.tick(NOW)
    assert of.events_per_second == 0


def test_rates_are_taken_over_the_window_only() -> None:
    of = figures()
    of.invoked(index(received=50))
    of.tick(NOW + 5_000)
    assert of.events_per_second == 5.0
    of.tick(NOW + 10_001)
    assert of.events_per_second == 0
    assert sum(of.beats()) == 50
    of.tick(NOW + 60_001)
    assert sum(of.beats()) == 0


def test_latency_is_from_the_fact_and_from_its_indexing_to_here() -> None:
    of = figures()
    of.hit(HIT, NOW + 60)
    assert (of.put_to_client.p50, of.index_to_client.p50) == (60, 40)
    of.tick(NOW + 60 + 10_001)
    assert of.put_to_client.p50 is None


def test_hits_of_the_snapshot_say_nothing_about_latency() -> None:
    of = figures()
    of.snapshot(HIT)
    assert of.put_to_client.p50 is None
    assert len(of.hits) == 1


@pytest.mark.parametrize("width", [80, 120])
def test_the_panel_fills_the_terminal_and_no_more(width: int) -> None:
    of = figures()
    for number in range(60):
        of.hit({**HIT, "message": f"charge-card number {number} " + "word " * 50}, NOW + 60)
    of.addresses = {"opensearch": "http://127.0.0.1:9200", "http": "http://127.0.0.1:4566/" + "x" * 100}
    lines = picture(of, width)
    assert len(lines) == 30
    assert max(cell_len(line) for line in lines) <= width
    assert "number 59" in "".join(lines)


@pytest.mark.parametrize("width", [80, 120])
def test_every_figure_is_on_the_panel_whole(width: int) -> None:
    of = figures()
    of.invoked(index(received=101, stored=102, already_there=103, rejected=104, retried=105, announced=106))
    of.invoked(broadcast(matched=107, posted=108, gone=109, lagged=110))
    of.hit(HIT, NOW + 1_234)
    of.depths = {
        (hop, kind): 1_000 + 10 * row + column
        for row, hop in enumerate(("events", "deltas"))
        for column, kind in enumerate(("waiting", "in_flight", "dead"))
    }
    of.status = "catching-up"
    shown = "\n".join(picture(of, width))
    for figure in [*map(str, range(101, 111)), "1,234", "1,214", "1,000", "1,001", "1,002", "1,010", "1,012"]:
        assert figure in shown
    for word in ("already there", "put → client", "index → client", "events", "deltas", "catching-up"):
        assert word in shown


def test_without_a_terminal_the_panel_is_one_line() -> None:
    of = figures()
    of.invoked(index(received=10, stored=9, rejected=1, announced=9))
    of.tick(NOW + 3_723_000)
    line = panel_view.line(of)
    assert line.startswith("01:02:03  ")
    assert "9 stored" in line
    assert "\n" not in line


def test_only_what_is_added_to_a_log_is_read_in_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    before = Growth(tmp_path / "absent")
    assert before.lines() == []
    log.write_text("old\n")
    growth = Growth(log)
    with log.open("a") as file:
        file.write("one\ntw")
        file.flush()
        assert growth.lines() == ["one"]
        file.write("o\n")
    assert growth.lines() == ["two"]
    log.write_text("new\n")
    assert growth.lines() == ["new"]
