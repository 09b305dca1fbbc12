"""The stack's OpenSearch: a node of its own, or a cluster that is given."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from pipeline.local import files, jars, places, ports
from pipeline.local.engine import Engine
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from pipeline.local.progress import Tell

HEAP = "1g"
"""The JVM's heap: twice what a node with small indices has been seen to use."""

BESIDE_HEAP = 300 * 2**20
"""Bytes that the node takes beside its heap; measured, 3.4.0 on Linux."""

LIMIT = 180.0
"""Seconds until the node must answer: it takes 7 to 11 on two cores, and a busy machine many times that."""


def engine(of: places.Places) -> Engine:
    """The node of a stack."""
    return Engine("The OpenSearch node", of.pid("opensearch"), of.log("opensearch"))


def start(of: places.Places, port: int, heap: str, tell: Tell) -> None:
    """Start the stack's node, or find it running, and wait until it answers.

    Raises:
        StackError: Memory, jars or the node itself fail.
    """
    node = engine(of)
    if not node.alive():
        _start(node, of, port, heap, tell)
    node.wait_until(lambda: ports.answers(port, "/_cluster/health?wait_for_status=yellow&timeout=1s"), LIMIT)


def _start(node: Engine, of: places.Places, port: int, heap: str, tell: Tell) -> None:
    require_memory(heap)
    found = jars.fetch(places.JARS_LOCK, tell)
    class_path = of.root / "opensearch.jars"
    files.write(class_path, "\n".join(map(str, found)).encode())
    tell("starting")
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pipeline.local.opensearch_node",
        of.opensearch,
        str(port),
    ]
    node.start([*command, "--jars", class_path, "--heap", heap], _environ())


def require_memory(heap: str, meminfo: Path = Path("/proc/meminfo")) -> None:
    """Refuse to start a node for which the memory is lacking, where the system tells how much is left.

    Source: https://man7.org/linux/man-pages/man5/proc_meminfo.5.html

    Raises:
        StackError: Less is available than the heap and what a JVM needs beside it, or the heap is no size.
    """
    needed = _bytes(heap) + BESIDE_HEAP
    if not meminfo.exists():
        return
    available = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="ascii"), re.MULTILINE)
    if available and int(available[1]) * 1024 < needed:
        raise StackError(
            f"Only {int(available[1]) / 2**20:.1f} GB of memory is available and the OpenSearch node "
            f"may need {needed / 2**30:.1f} GB: end other programs, choose a smaller --opensearch-heap "
            "(512m may do), or use a cluster of yours with OPENSEARCH_URL."
        )


def answers(url: str) -> bool:
    """Whether a given cluster can be reached."""
    try:
        require_answer(url)
    except StackError:
        return False
    return True


def require_answer(url: str) -> None:
    """Refuse a given cluster that cannot be reached; one that asks who we are can be.

    Raises:
        StackError: Nothing answers there, or the URL is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise StackError(
            "OPENSEARCH_URL must be like https://host:9200, without name and password "
            "(those go into LIVEDEX_OPENSEARCH_USERNAME and LIVEDEX_OPENSEARCH_PASSWORD)."
        )
    try:
        with urlopen(url, timeout=10):  # noqa: S310 - the scheme was checked above
            return
    except HTTPError as answer:
        if answer.code in {401, 403}:
            return
        raise StackError(f"OPENSEARCH_URL {url} answered {answer.code}: is it OpenSearch?") from answer
    except (URLError, OSError) as trouble:
        raise StackError(
            f"OPENSEARCH_URL {url} does not answer ({getattr(trouble, 'reason', trouble)}): "
            "start that cluster, or unset OPENSEARCH_URL to get a node of the stack's own."
        ) from trouble


def _bytes(heap: str) -> int:
    size = re.fullmatch(r"(\d+)([mg])", heap.lower())
    if not size:
        raise StackError(f"--opensearch-heap is {heap!r}; it must be like 512m or 1g.")
    return int(size[1]) * {"m": 2**20, "g": 2**30}[size[2]]


def _environ() -> dict[str, str]:
    """The node's environment: nothing of ours matters to it but where Python finds the project."""
    return {**os.environ, "PYTHONPATH": str(places.PROJECT), "PYTHONUNBUFFERED": "1"}
