"""Memory of the index function: the handler itself, in a process of its own, invoked once.

As on Lambda, the process holds the invocation's text and what ``json`` makes of it, the packages, and all
that the handler makes; it stores into the real node and announces on the emulator's default bus, where
nobody listens. Measured is the largest resident size that the kernel saw (Linux only).

- *idle*: imported, adapters made, nothing invoked.
- *10 events*: what a queue hands over unless it is told otherwise.
- *the largest batch*: as many events of 600 bytes as fit into the 6 MB of an invocation.
- *the worst batch*: one event of 6 MB, all of it empty objects; nothing makes more of each byte.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import benches, facts
from benchmarks.figure import Figure
from pipeline.local import stack
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LARGEST_INVOCATION = 6 * 1024 * 1024
"""Bytes of JSON that a function is handed at once.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

STATUS = Path("/proc/self/status")
"""Where Linux says a process's largest resident size; ``ru_maxrss`` would also count its parent's."""

HANDLED = """
import json, pathlib, re, sys, time
from pipeline.wiring import shipped
shipped.ROOT = pathlib.Path(sys.argv[1])
from pipeline.handlers import index
class Context:
    def get_remaining_time_in_millis(self): return 120_000
text = sys.stdin.read()
index.story()
began = time.perf_counter()
if text:
    answer = index.handler(json.loads(text), Context())
    assert answer == {"batchItemFailures": []}, answer
seconds = time.perf_counter() - began
kilobytes = re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
print(json.dumps({"megabytes": int(kilobytes) / 1024, "seconds": seconds}))
"""
"""Invokes the handler with what comes by standard input, with the routes of a folder; nothing is invoked
where nothing comes."""


def figures(url: str) -> Iterator[Figure]:
    """Megabytes of a process that handles one invocation.

    Args:
        url: Of the node. The emulator is that of the current folder.
    """
    aws = stack.status(Path.cwd()).endpoints.aws
    if not STATUS.exists() or not aws:
        return
    events = list(facts.envelopes(LARGEST_INVOCATION // 600))
    size = _memory_size()
    with benches.prepared(url, 1) as bench, tempfile.TemporaryDirectory() as folder:
        Path(folder, "routes.toml").write_text(benches.routes_text(bench.family), encoding="utf-8")
        environment = _environment(url, aws)
        idle = _handled(folder, environment, [])["megabytes"]
        for name, batch in (
            ("10 events", events[:10]),
            ("the largest batch", _filled(events)),
            ("the worst batch", [_worst(events[0])]),
        ):
            took = _handled(folder, environment, batch)
            against = {"the function's memory": size, "idle": idle, "events": len(batch)}
            against["seconds"] = took["seconds"]
            yield Figure(
                f"memory of the index function, {name}",
                took["megabytes"],
                "MB",
                against,
                took["megabytes"] / size,
                "≤ the function's memory",
                took["megabytes"] <= size,
            )


def _handled(folder: str, environment: Mapping[str, str], events: Sequence[object]) -> dict[str, float]:
    command = [sys.executable, "-c", HANDLED, folder]
    done = subprocess.run(
        command, input=_text(events), capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"the handler failed: {done.stderr[-500:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _filled(events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """As many events as one invocation holds."""
    room = LARGEST_INVOCATION - len(_text([{}]))
    for count, event in enumerate(events):
        room -= len(_text([event])) - len(_text([{}])) + len("{},")
        if room < 0:
            return events[:count]
    raise RuntimeError(f"{len(events)} events do not fill an invocation: make more of them.")


def _worst(event: dict[str, Any]) -> dict[str, Any]:
    """An event that is as large as an invocation and has as many objects as possible."""
    empty = LARGEST_INVOCATION - len(_text([event])) - len('"worst":[],')
    return {**event, "detail": {**event["detail"], "worst": [{}] * (empty // len("{},"))}}


def _text(events: Sequence[object]) -> str:
    return json.dumps({"events": events}, separators=(",", ":")) if events else ""


def _environment(url: str, aws: str) -> dict[str, str]:
    return {
        **os.environ,
        "LIVEDEX_TARGET": "local",
        "LIVEDEX_TENANCY": "required",
        "LIVEDEX_OPENSEARCH_URL": url,
        "LIVEDEX_DELTAS_BUS": "default",
        "AWS_ENDPOINT_URL": aws,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _memory_size() -> int:
    """Megabytes that ``template.yaml`` gives the function."""
    template = (shipped.ROOT / "template.yaml").read_text(encoding="utf-8")
    found = re.search(r"^  IndexFunction:.*?MemorySize: (\d+)", template, re.DOTALL | re.MULTILINE)
    if not found:
        raise RuntimeError("template.yaml gives IndexFunction no MemorySize.")
    return int(found[1])
