"""The same flow while its parts are killed: what was accepted is stored and announced all the same."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.local import aws, engine, opensearch, stack
from pipeline.local.places import Places
from tests.running import envelope, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import Deployed

OUTAGE = float(os.environ.get("LIVEDEX_OUTAGE_SECONDS", "8"))
"""How long OpenSearch is away; `make soak` makes it a minute."""

PATIENCE = 300.0
"""Seconds for what was tried in vain while OpenSearch was away: it comes again after up to 120."""


@pytest.fixture(autouse=True)
def _own_engines(deployed: Deployed) -> None:
    if not opensearch.engine(Places(deployed.folder)).alive():
        pytest.skip("the engines belong to somebody else, who would miss them")


def written(folder: Path, service: str, count: int) -> Path:
    """A file of so many events."""
    file = folder / f"{service}.ndjson"
    file.write_text("\n".join(json.dumps(envelope(service, number)) for number in range(count)))
    return file


def all_of(service: str, count: int) -> list[str]:
    return sorted(f"{service}-{number}" for number in range(count))


def stored(deployed: Deployed, service: str, count: int) -> list[str]:
    """What is stored of a service, when all of it is or the time is over."""
    return wait_for(lambda: deployed.facts(service), lambda found: len(found) >= count, PATIENCE)


@pytest.fixture
def listener(deployed: Deployed, service: str, tmp_path: Path) -> Iterator[Path]:
    """What a subscriber of the service has received, one hit a line."""
    file = tmp_path / "hits.ndjson"
    with file.open("w") as hits:
        asked = json.dumps({"service": [service]})
        before = len(deployed.lines("message"))
        tail = deployed.start("tail", "--filter", asked, "--json", "--snapshot", "0", output=hits)
        wait_for(lambda: deployed.lines("message"), lambda lines: len(lines) > before)
        yield file
        tail.send_signal(signal.SIGINT)
        tail.wait(30)


def heard(file: Path) -> set[str]:
    """The events that the subscriber has been told of."""
    hits = [json.loads(line) for line in file.read_text().splitlines()]
    return {hit["id"] for hit in hits}


def test_events_put_while_opensearch_is_away_are_stored_and_announced_when_it_is_back(
    deployed: Deployed, service: str, listener: Path
) -> None:
    count = round(20 * OUTAGE)
    of = Places(deployed.folder)
    file = written(deployed.folder, service, count)
    emitting = deployed.start("emit", str(file), "--rate", "20")
    opensearch.engine(of).end()
    assert emitting.wait(OUTAGE * 3 + 30) == 0
    stack.up(deployed.folder)

    assert stored(deployed, service, count) == all_of(service, count)
    told = wait_for(lambda: heard(listener), lambda ids: len(ids) >= count)
    assert len(told) == count
    assert deployed.dead_letters(service) == []


def test_a_worker_that_is_killed_in_mid_batch_loses_nothing(
    deployed: Deployed, service: str, listener: Path
) -> None:
    count = 200
    emitting = deployed.start("emit", str(written(deployed.folder, service, count)), "--rate", "50")
    killed = [wait_for(lambda: kill_workers(Places(deployed.folder)), bool) for _ in range(3)]

    assert all(killed)
    assert emitting.wait(60) == 0
    assert stored(deployed, service, count) == all_of(service, count)
    assert len(wait_for(lambda: heard(listener), lambda ids: len(ids) >= count)) == count


def test_an_emit_that_is_killed_and_begun_again_stores_every_event_once(
    deployed: Deployed, service: str
) -> None:
    count = 100
    file = written(deployed.folder, service, count)
    emitting = deployed.start("emit", str(file), "--rate", "50")
    wait_for(lambda: deployed.facts(service), bool)
    emitting.kill()
    emitting.wait(10)

    assert deployed.livedex("emit", str(file)).returncode == 0

    assert stored(deployed, service, count) == all_of(service, count)


def kill_workers(of: Places) -> int:
    """Kill the processes that run functions which read queues; how many there were."""
    emulator = aws.engine(of).pid()
    assert emulator
    victims = [pid for pid in engine.members(emulator) if runs_a_function(pid)]
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(victims)


def runs_a_function(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return b"ministack-lambda" in command and (b"-index-" in command or b"-broadcast-" in command)
