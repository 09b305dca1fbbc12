"""``livedex cost``, its page, and that what it takes as given is what the project has."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.decode import decode
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline import limiting
from pipeline.adapters import dynamodb_shards
from pipeline.broadcasting import Bounds, Broadcast
from pipeline.cleaning import Cleaned
from pipeline.cli import application, main
from pipeline.client import Pace
from pipeline.core import bill, pack, prices
from pipeline.core import given as known
from pipeline.core.bill import Workload
from pipeline.core.entries import LARGEST_ENTRY
from pipeline.core.prices import Meter
from pipeline.fanning_out import FannedOut
from pipeline.indexing import Indexed
from pipeline.local import places
from pipeline.retiring import Retired
from pipeline.subscribing import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.testing import Result

PAGE = (places.PROJECT / "docs" / "cost.md").read_text(encoding="utf-8")
TEMPLATE: dict[str, Any] = decode(str(places.PROJECT / "template.yaml"))[0]

EXAMPLE = "--events-per-day 1000000 --connections 1000 --relevant 0.5 --window 2 --channels 40"
SPARSE = "--events-per-day 10000 --connections 100 --relevant 0.01"
LARGE = "--events-per-day 5000000 --connections 200000 --relevant 0.9"


def run(words: str) -> Result:
    return CliRunner().invoke(application(["cost"]), ["cost", *words.split()])


# --- what is printed --------------------------------------------------------------------------


def test_the_example_on_the_page_is_what_the_command_prints() -> None:
    command, shown = re.findall(r"```(?:sh|text)\n(.*?)\n```", PAGE, re.DOTALL)[:2]
    assert command == f"livedex cost {EXAMPLE}"
    assert shown == run(EXAMPLE).stdout.rstrip("\n")


def test_columns_are_aligned_and_add_up() -> None:
    lines = run(EXAMPLE).stdout.splitlines()
    begin = next(place for place, line in enumerate(lines) if line.split() == ["livedex", "naive"])
    table = lines[begin : lines.index("", begin)]
    assert {len(line) for line in table} == {len(table[0])}
    sums = [0.0, 0.0]
    for line in table[1 : 1 + len(prices.SERVICES)]:
        for column, cell in enumerate(line.split()[-2:]):
            sums[column] += 0.0 if cell == "-" else float(cell.replace(",", ""))
    total = next(line for line in table if line.startswith("total"))
    assert [float(cell.strip("$").replace(",", "")) for cell in total.split()[1:]] == pytest.approx(
        sums, abs=0.05
    )


@pytest.mark.parametrize("words", [EXAMPLE, SPARSE, LARGE])
def test_no_line_is_wider_than_a_terminal_of_100(words: str) -> None:
    assert max(len(line) for line in run(words).stdout.splitlines()) <= 100


def test_it_is_said_what_the_difference_is_and_why() -> None:
    assert "livedex costs $9,329.41 less, 66% of the naive bill" in run(EXAMPLE).stdout
    sparse = run(SPARSE).stdout
    assert "livedex costs $" in sparse
    assert " more: " in sparse
    assert "A longer --window" in sparse
    alike = run("--events-per-day 1000000 --connections 1000 --relevant 0.05 --channels 400").stdout
    assert "The two cost about the same" in alike


def test_what_cannot_run_like_that_is_said() -> None:
    shown = " ".join(run(LARGE).stdout.split())
    assert "Mind: livedex posts" in shown
    assert "Mind: the naive design posts" in shown
    assert "share filters (--channels)" in shown
    assert "Lambda ends it after 900 s" in shown
    assert "Mind" not in run(EXAMPLE).stdout
    assert "share filters (--channels)" not in run(f"{LARGE} --channels 100").stdout


def test_without_filters_there_is_no_third_sum() -> None:
    assert "Without filters" in run(EXAMPLE).stdout
    assert "Without filters" not in run(EXAMPLE.replace("0.5", "1")).stdout


def test_json_has_every_meter_and_the_same_sums() -> None:
    found = json.loads(run(f"{EXAMPLE} --json").stdout)
    for design in ("livedex", "naive"):
        meters = found[design]["meters"]
        assert sum(each["dollars"] for each in meters) == pytest.approx(found[design]["total"])
        assert sum(found[design]["services"].values()) == pytest.approx(found[design]["total"])
    assert len(found["livedex"]["meters"]) == len(Meter)
    assert found["workload"]["channels"] == 40
    assert found["naiveUnfiltered"]["total"] > found["naive"]["total"]
    assert found["pricesCheckedOn"] == prices.CHECKED


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--events-per-day 0", "--events-per-day is 0, and has to be from 1 to"),
        ("--connections 0", "--connections is 0, and has to be how many are open at a time, from 1"),
        (
            "--relevant 5",
            "--relevant is 5.0, and has to be the share of the events that one client wants, from 0",
        ),
        ("--relevant nan", "--relevant is nan, "),
        ("--relevant -0.1", "--relevant is -0.1, "),
        ("--window 0", "--window is 0, and has to be whole seconds from 1 to 300"),
        ("--event-bytes 31001", "--event-bytes is 31001, and has to be from 1 to 31,000"),
        ("--channels 0", "--channels is 0, and has to be from 1 to --connections, here 10"),
        ("--channels 11", "--channels is 11, and has to be from 1 to --connections, here 10"),
        (
            "--region eu-west-1",
            "--region eu-west-1: its prices are not known here, and none are guessed. Leave",
        ),
    ],
)
def test_a_mistake_names_the_option_and_the_way_out(
    words: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    option, _ = words.split()
    sound = {"--events-per-day": "10", "--connections": "10", "--relevant": "0.5"}
    rest = [word for pair in sound.items() if pair[0] != option for word in pair]
    monkeypatch.setattr(sys, "argv", ["livedex", "cost", *rest, *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(f"livedex: {told}")


# --- what the page says -----------------------------------------------------------------------


def formulas(design: str) -> dict[str, str]:
    table = re.search(rf"\| meter \| {design} \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL)
    assert table
    return dict(re.findall(r"^\| ([A-Z]+) \| `(.*)` \|$", table[1], re.MULTILINE))


STEPS = compile(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], "docs/cost.md", "exec")
FORMULAS = {
    design: {meter: compile(text, "docs/cost.md", "eval") for meter, text in formulas(design).items()}
    for design in ("livedex", "naive")
}


def ceil(number: float) -> int:
    return math.ceil(round(number, 6))


def by_the_page(design: str, load: Workload) -> dict[Meter, float]:
    names: dict[str, Any] = {**vars(known), **asdict(load), "ceil": ceil, "exp": math.exp}
    names |= {"LARGEST_ENTRY": LARGEST_ENTRY, "MAX_HIT": pack.MAX_HIT, "CHUNK": prices.CHUNK, "GB": prices.GB}
    exec(STEPS, names)  # noqa: S102 - our own page
    return {Meter[meter]: eval(text, names) * known.MONTH for meter, text in FORMULAS[design].items()}  # noqa: S307 - likewise


@given(
    st.builds(
        Workload,
        events_per_day=st.integers(1_000, 10**9),
        connections=st.integers(1_000, 1_000_000),
        channels=st.integers(1, 1_000),
        relevant=st.floats(0, 1),
        window=st.integers(1, 300),
        event_bytes=st.integers(1, pack.MAX_HIT),
    )
)
def test_the_formulas_on_the_page_are_the_programs(load: Workload) -> None:
    for design, usage in (("livedex", bill.livedex(load)), ("naive", bill.naive(load))):
        assert by_the_page(design, load) == pytest.approx(usage, rel=1e-6)


def test_the_prices_on_the_page_are_the_programs() -> None:
    rows = re.findall(
        r"^\| (.*?) \| (.*?) \| (.*?) \| \[AWS\]\((.*?)\), \[.*?\]\((.*?)\) \|$", PAGE, re.MULTILINE
    )
    said = {(service, unit): (text, first, second) for service, unit, text, first, second in rows}
    assert said == {
        (meter.service, meter.unit): (written(price), *price.sources)
        for meter, price in prices.US_EAST_1.items()
    }
    assert f"looked up on\n{prices.CHECKED}" in PAGE


def written(price: prices.Price) -> str:
    """A price as the page writes it."""
    return ", ".join(
        amount(dollars)
        + ("" if len(price.steps) == 1 else " beyond" if math.isinf(end) else f" up to {end:,.0f}")
        for end, dollars in price.steps
    )


def amount(dollars: float) -> str:
    if dollars >= 0.001:
        return f"${dollars:g}"
    return f"${dollars:.10f}" if dollars > 0.000_01 else f"${dollars * prices.MILLION:g} a million"


# --- what is taken as given -------------------------------------------------------------------


def resource(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = TEMPLATE["Resources"][name]["Properties"]
    return found


def test_batches_and_memory_are_those_of_the_template() -> None:
    for mapping in ("IndexMapping", "BroadcastMapping"):
        assert resource(mapping)["BatchSize"]["Fn::If"][1] == known.BATCH_SIZE
        assert resource(mapping)["MaximumBatchingWindowInSeconds"]["Fn::If"][1] == 1
    memory = {
        "IndexFunction": known.INDEX_GB,
        "BroadcastFunction": known.BROADCAST_GB,
        "MessageFunction": known.MESSAGE_GB,
    }
    assert {name: resource(name)["MemorySize"] / 1_024 for name in memory} == memory
    everybody = TEMPLATE["Globals"]["Function"]
    assert everybody["MemorySize"] / 1_024 == known.GATE_GB
    assert everybody["Architectures"] == ["arm64"]
    for name in ("Authorize", "Connect", "Disconnect", "Ticket", "Clean"):
        assert "MemorySize" not in resource(f"{name}Function")
    assert TEMPLATE["Parameters"]["ArchiveDays"]["Default"] == known.ARCHIVE_DAYS
    schedule = resource("CleanFunction")["Events"]["Quarterly"]["Properties"]["Schedule"]
    assert schedule == f"rate({known.CLEANING // 60} minutes)"
    mapped = [
        each for each in TEMPLATE["Resources"].values() if each["Type"] == "AWS::Lambda::EventSourceMapping"
    ]
    assert len(mapped) == known.QUEUES


def test_rates_and_pauses_are_those_of_the_stories_and_the_client() -> None:
    assert Bounds().posts_per_second == known.POSTS_PER_SECOND
    assert Pace().heartbeat == known.HEARTBEAT
    assert SNAPSHOT == known.SNAPSHOT
    assert limiting.BELOW == known.COUNT_LIFE * 1_000


def costs() -> dict[str, tuple[str, str]]:
    """The table in the DynamoDB adapter's docstring, which its contract tests hold."""
    text = (places.PROJECT / "pipeline" / "adapters" / "dynamodb.py").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"``\w+`` ", line)]
    return {line.split("``")[1]: (line[20:28].strip(), line[28:].strip()) for line in lines}


def test_what_a_client_reads_and_writes_is_what_the_adapter_says() -> None:
    found = costs()
    assert found["put_ticket"][0] == "1"  # also take_ticket
    assert found["connect"][0] == "2"
    assert found["subscribe"][0] == "7"
    assert found["disconnect"][0] == "2 + 2n"
    assert known.OPENING_WRITES == 1 + 1 + 2 + 7 + 4
    assert [found[call][1][0] for call in ("connection", "subscriptions", "weight", "disconnect")] == [
        "1"
    ] * 4
    assert "is_registered" in found["weight"][1]
    assert "1 more to look again" in found["disconnect"][1]
    assert found["subscribe"][1].startswith("1 ")
    assert known.OPENING_READS == 6
    assert f"about {known.MEMBERS} members a unit; {known.CROWD_READS} at least" in found["members"][1]
    assert f"about {known.LISTED} connections a unit" in found["connections"][1]
    assert dynamodb_shards.CROWD == known.CROWD


def test_metrics_are_as_many_as_the_functions_have() -> None:
    none: Counter[Any] = Counter()
    counted = (
        Broadcast(),
        Indexed(none, (), 0, none),
        FannedOut(0, 0, none, ()),
        Cleaned(0, 0, 0, 0),
        Retired((), (), ()),
    )
    others = 8  # admitted, refused, connected, disconnected, received, posted, issued, hits
    assert sum(len(each.counts()) for each in counted) + others == known.METRICS


LINES = """
from collections import Counter
from pipeline.broadcasting import Broadcast
from pipeline.handlers.invocation import invocation
from pipeline.indexing import Indexed

for function, counts in (
    ("broadcast", Broadcast(received=3, deltas=12, matched=1_000).counts()),
    ("index", Indexed(Counter(), (), 0, Counter()).counts()),
    ("message", {"received": 1, "posted": 3}),
):
    with invocation(function) as counted:
        counted.update(counts)
"""


def test_log_lines_are_about_as_long_as_reckoned() -> None:
    written = subprocess.check_output(
        [sys.executable, "-c", LINES],
        env={**os.environ, "LIVEDEX_TARGET": "memory", "LIVEDEX_LOG_FILE": ""},
        cwd=places.PROJECT,
    ).splitlines()
    lengths = [known.LINES + sum(len(line) + 1 for line in written[start : start + 2]) for start in (0, 2, 4)]
    reckoned = [known.BROADCAST_LINES, known.INDEX_LINES, known.OTHER_LINES]
    assert lengths == pytest.approx(reckoned, rel=0.1)
