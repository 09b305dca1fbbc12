"""What the terminal shows is what OpenSearch holds: over pages, from a time on, and over two processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.client.polling import PAGE
from tests.running import LIMIT, envelope, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.running import Deployed

STORED = 2 * PAGE + 100
"""Events of the past: more than two pages of them."""

FEW = 20


class Tail:
    """``livedex tail`` in a process of its own, its output kept in files."""

    def __init__(self, folder: Path, name: str) -> None:
        self.out = folder / f"{name}.out"
        self.told = folder / f"{name}.err"

    @property
    def ids(self) -> list[str]:
        """The hits that it has printed so far, as often as it did; half a line does not count."""
        whole = self.out.read_text().rpartition("\n")[0]
        return [json.loads(line)["id"] for line in whole.splitlines()]

    @property
    def cursor(self) -> str:
        found = re.search(r"--cursor (\S+?)\)?$", self.told.read_text().strip())
        assert found, self.told.read_text()
        return found[1]

    @contextmanager
    def running(self, deployed: Deployed, *words: str) -> Iterator[Tail]:
        """Run until the block ends, then press Ctrl-C."""
        command = deployed.command("tail", "--json", *words)
        with self.out.open("w") as out, self.told.open("w") as told:
            process = subprocess.Popen(command, cwd=deployed.folder, stdout=out, stderr=told)
            try:
                yield self
                process.send_signal(signal.SIGINT)
                assert process.wait(LIMIT) == 0, self.told.read_text()
            finally:
                process.kill()
                process.wait()

    def has(self, number: int) -> None:
        shown = wait_for(lambda: len(self.ids), lambda found: found >= number)
        assert shown == number, self.told.read_text()


def stored(deployed: Deployed, service: str, number: int) -> list[str]:
    """The ids that OpenSearch holds, once they are so many."""

    def look() -> list[str]:
        deployed.ask("POST", "/metrics-*/_refresh")
        asked = {"query": {"term": {"service": service}}, "size": 10_000, "_source": False}
        return sorted(hit["_id"] for hit in deployed.ask("POST", "/metrics-*/_search", asked)["hits"]["hits"])

    held = wait_for(look, lambda ids: len(ids) >= number)
    assert len(held) == number
    return held


def past(deployed: Deployed, folder: Path, service: str) -> None:
    """Store events as those of yesterday's system would be: at once, and without announcing them."""
    file = folder / "past.ndjson"
    file.write_text("\n".join(json.dumps(envelope(service, number)) for number in range(STORED)))
    told = deployed.livedex("backfill", str(file))
    assert told.returncode == 0, told.stderr


def test_what_is_queried_over_several_pages_and_tailed_by_two_processes_is_just_what_opensearch_holds(
    deployed: Deployed, service: str, tmp_path: Path
) -> None:
    past(deployed, tmp_path, service)
    held = stored(deployed, service, STORED)
    asked = json.dumps({"service": [service]})

    queried = deployed.livedex("query", asked, "--since", "1h", "--json")
    assert queried.returncode == 0, queried.stderr
    assert sorted(json.loads(line)["id"] for line in queried.stdout.splitlines()) == held

    file = str(tmp_path / "place")
    with Tail(tmp_path, "first").running(deployed, asked, "--since", "1h", "--cursor-file", file) as first:
        first.has(STORED)
        deployed.put(*[envelope(service, STORED + number) for number in range(FEW)])
        first.has(STORED + FEW)
    deployed.put(*[envelope(service, STORED + FEW + number) for number in range(FEW)])
    stored(deployed, service, STORED + 2 * FEW)
    with Tail(tmp_path, "second").running(deployed, asked, "--cursor-file", file) as second:
        second.has(FEW)
        deployed.put(*[envelope(service, STORED + 2 * FEW + number) for number in range(FEW)])
        second.has(2 * FEW)

    held = stored(deployed, service, STORED + 3 * FEW)
    assert sorted([*first.ids, *second.ids]) == held  # none missed, none doubled

    with Tail(tmp_path, "third").running(deployed, asked, "--cursor", first.cursor) as third:
        wait_for(lambda: set(third.ids), lambda ids: ids >= set(second.ids))
    assert {*first.ids, *third.ids} == {*held}  # the cursor alone misses none either
    assert len(third.ids) == len({*third.ids})
