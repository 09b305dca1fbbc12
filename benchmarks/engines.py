"""The local stack that is measured: the current folder's if it runs, else one for this run alone."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.local import stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Make a running stack's folder the current one; what was started for it is ended.

    Returns:
        The URL of OpenSearch.

    Raises:
        StackError: The engines do not start.
    """
    here = stack.status(Path.cwd()).endpoints
    if here.opensearch and here.aws:
        yield here.opensearch
        return
    with tempfile.TemporaryDirectory(prefix="livedex-bench-") as name:
        folder = Path(name)
        try:
            started = stack.up(folder, opensearch_url=os.environ.get("OPENSEARCH_URL"))
            assert started.opensearch, "up() gives an address or raises"
            with contextlib.chdir(folder):
                yield started.opensearch
        finally:
            stack.down(folder)


@contextlib.contextmanager
def node_apart() -> Iterator[None]:
    """Give the node one core and us the others, as a cluster has machines of its own.

    Where they share their cores, whatever the client does is taken from the node, and a ratio of rates
    says nothing of what a user would see. Not done for a cluster that was given, nor with a single core.
    """
    node = stack.status(Path.cwd()).opensearch.pid
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    if node is None or len(cores) < 2:
        yield
        return
    try:
        _keep_to(node, cores[:1])
        _keep_to(os.getpid(), cores[1:])
        yield
    finally:
        _keep_to(node, cores)
        _keep_to(os.getpid(), cores)


def _keep_to(process: int, cores: Iterable[int]) -> None:
    """Let all threads of a process run on these cores; threads that they start do the same."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(int(thread.name), cores)
