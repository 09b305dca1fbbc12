"""How long each handler takes to import, beside the third-party packages that it imports.

A cold start pays for every import. What the packages cost is given by choosing them; what stands on
top of it is ours: our own modules, and the parts of the standard library that only they want.

Measured is the processor's time, in a new interpreter each, with compiled files and a warm disk: a
machine that is busy with something else changes it little. First the packages alone, the very modules
that the handler loads, in the order in which it loads them; then, in the same interpreter, ours. What
botocore loads only when a client is made counts on neither side.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = (
    "index",
    "broadcast",
    "fanout",
    "authorize",
    "connect",
    "disconnect",
    "message",
    "ticket",
    "query",
    "setup",
)
RUNS = 9
BAR = 1.15
"""Most that a handler may take, as a multiple of its own packages."""

ADAPTERS = """
import importlib, json, sys
importlib.import_module(sys.argv[1]).story()
print(json.dumps([name for name in sys.modules if name.partition(".")[0] == "pipeline"]))
"""
"""Makes a handler's story, which imports the adapters; prints our modules, in the order of loading."""

PACKAGES = """
import importlib, json, sys
before = set(sys.modules)
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
ours = {"pipeline", *sys.stdlib_module_names}
found = [(name, sys.modules[name].__spec__) for name in sys.modules if name.partition(".")[0] not in ours]
print(json.dumps([name for name, spec in found if name not in before and spec and spec.name == name]))
"""
"""Imports our modules; prints those of other people, in the order of loading.

A module whose specification has another name, or none, was made by a package while it was loaded (such
as those below ``six.moves``): it cannot be imported by its name, and comes with the one that makes it.
"""

TIMED = """
import importlib, json, sys, time
theirs, ours = json.loads(sys.argv[1]), json.loads(sys.argv[2])
began = time.process_time()
for name in theirs:
    importlib.import_module(name)
packages = time.process_time() - began
for name in ours:
    importlib.import_module(name)
print(json.dumps([packages, time.process_time() - began]))
"""
"""Imports the packages, then ours on top; prints the seconds of the first, and of both."""

ENVIRONMENT = {
    "LIVEDEX_TARGET": "local",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_DEFAULT_REGION": "us-east-1",
    "LIVEDEX_OPENSEARCH_URL": "http://127.0.0.1:9",
    "LIVEDEX_MANAGEMENT_ENDPOINT": "http://127.0.0.1:9/stage",
    "LIVEDEX_DEVELOPMENT_SECRET": "a development secret of some length",
}
"""Enough to make every story; nothing is sent while one is made."""


def figures() -> Iterator[Figure]:
    """A figure for each handler, adapters of its story included."""
    for handler in HANDLERS:
        ours = json.loads(_run(ADAPTERS, f"pipeline.handlers.{handler}"))
        theirs = json.loads(_run(PACKAGES, json.dumps(ours)))
        turns = [json.loads(_run(TIMED, json.dumps(theirs), json.dumps(ours))) for _ in range(RUNS)]
        packages, all_of_it = (statistics.median(seconds) for seconds in zip(*turns, strict=True))
        ratio = statistics.median(both / alone for alone, both in turns)
        yield Figure(
            f"import handlers.{handler}",
            all_of_it * 1000,
            "ms",
            {"its packages": packages * 1000},
            ratio,
            f"≤ {BAR} x its packages",
            ratio <= BAR,
        )


def _run(program: str, *arguments: str) -> str:
    environment = {**os.environ, **ENVIRONMENT}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or everything is compiled anew in each interpreter
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
