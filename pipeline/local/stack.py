"""The local stack of a folder: ``up``, ``status``, ``down``.

Everything it writes lies in the folder's ``.livedex``. Two folders have two stacks.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.local import aws, environments, files, opensearch, ports, state
from pipeline.local.errors import StackError
from pipeline.local.places import Places
from pipeline.local.progress import Board
from pipeline.local.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.local.engine import Engine
    from pipeline.local.progress import Tell

OUTPUTS = {
    "events_bus": "EventsBusName",
    "deltas_bus": "DeltasBusName",
    "events_queue": "EventsQueueUrl",
    "deltas_queue": "DeltasQueueUrl",
    "table": "TableName",
    "websocket": "WebSocketUrl",
    "http": "HttpUrl",
}
"""Which output of ``template.yaml`` tells an endpoint."""

BUSY = "another command is starting or ending this folder's engines; waiting for it"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where everything is reached; None for what does not run or is not deployed yet."""

    opensearch: str | None = None
    aws: str | None = None
    events_bus: str | None = None
    deltas_bus: str | None = None
    events_queue: str | None = None
    deltas_queue: str | None = None
    table: str | None = None
    websocket: str | None = None
    http: str | None = None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How an engine fares.

    Attributes:
        alive: Whether it runs; for a given cluster, whether it answers.
        pid: None for a given cluster and for an engine that does not run.
        log: The path of its log; None for a given cluster.
    """

    alive: bool
    pid: int | None
    log: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """A stack as it is now."""

    endpoints: Endpoints
    opensearch: EngineStatus
    aws: EngineStatus

    def json(self) -> dict[str, Any]:
        """Every endpoint under its name, and ``engines``."""
        return {
            **asdict(self.endpoints),
            "engines": {"opensearch": asdict(self.opensearch), "aws": asdict(self.aws)},
        }


def up(
    folder: Path,
    *,
    opensearch_url: str | None = None,
    opensearch_port: int | None = None,
    aws_port: int | None = None,
    heap: str = opensearch.HEAP,
    show: TextIO | None = None,
) -> Endpoints:
    """Start each engine of the folder's stack, or find it running, and install what they need.

    Args:
        folder: The folder whose stack it is.
        opensearch_url: A cluster to use instead of a node of the stack's own.
        opensearch_port: Port for the node; else the one it had before, else a free one.
        aws_port: The same for the emulator.
        heap: The node's heap, ``512m`` or ``1g``.
        show: Where progress is written; stderr when left out.

    Raises:
        StackError: Something does not start; what this call has started has been ended.
    """
    of = Places(folder)
    with Board(show or sys.stderr) as board, files.locked(of.lock, lambda: board.say(BUSY)):
        before = state.read(of)
        given = (opensearch_url or "").rstrip("/") or None
        wanted = _wanted(of, before, given, opensearch_port, aws_port)
        if wanted.opensearch_url != before.opensearch_url:
            of.outputs.unlink(missing_ok=True)  # the functions know the cluster of before: deploy again
        state.write(of, wanted)
        _start(of, wanted, heap, board)
    return status(folder).endpoints


def status(folder: Path) -> Status:
    """How the folder's stack fares."""
    of = Places(folder)
    kept = state.read(of)
    emulator = _engine_status(aws.engine(of))
    if kept.given_url:
        node = EngineStatus(alive=opensearch.answers(kept.given_url), pid=None, log=None)
    else:
        node = _engine_status(opensearch.engine(of))
    told = state.outputs(of) if emulator.alive else {}
    endpoints = Endpoints(
        opensearch=kept.opensearch_url if node.alive else None,
        aws=kept.aws_url if emulator.alive else None,
        **{endpoint: told.get(output) for endpoint, output in OUTPUTS.items()},
    )
    return Status(endpoints, node, emulator)


def down(folder: Path) -> list[str]:
    """End the folder's engines and all that they have started; what is indexed stays.

    Returns:
        The names of the engines that ran.

    Raises:
        StackError: Something could not be ended.
    """
    of = Places(folder)
    if not of.root.exists():
        return []
    with files.locked(of.lock):
        ended = [engine.title for engine in (aws.engine(of), opensearch.engine(of)) if engine.end()]
        of.outputs.unlink(missing_ok=True)  # what was deployed has ended with the emulator
    return ended


def _wanted(
    of: Places, before: State, given: str | None, opensearch_port: int | None, aws_port: int | None
) -> State:
    """The addresses that the engines shall have; a node that a given cluster replaces is ended."""
    node, emulator = opensearch.engine(of), aws.engine(of)
    if given:
        opensearch.require_answer(given)
        node.end()
        node_port = before.opensearch_port
    else:
        node_port = _port(node, opensearch_port, before.opensearch_port, "--opensearch-port")
    emulator_port = _port(emulator, aws_port, before.aws_port, "--aws-port")
    return State(opensearch_port=node_port, aws_port=emulator_port, given_url=given)


def _port(engine: Engine, wanted: int | None, before: int | None, option: str) -> int:
    if not engine.alive() or before is None:
        engine.end()  # workers that an engine left behind when it was killed
        return ports.choose(wanted, before, option)
    if wanted in {None, before}:
        return before
    raise StackError(f"{engine.title} runs on port {before}: `livedex down` first, or leave {option} out.")


def _start(of: Places, wanted: State, heap: str, board: Board) -> None:
    """Start what does not run, all at the same time; on failure end what was started here."""
    node, emulator = opensearch.engine(of), aws.engine(of)
    absent = [engine for engine in (node, emulator) if not engine.alive()]

    def start_node(tell: Tell) -> None:
        if not wanted.given_url and wanted.opensearch_port:
            opensearch.start(of, wanted.opensearch_port, heap, tell)
        tell(f"{wanted.opensearch_url}")

    def start_emulator(tell: Tell) -> None:
        if wanted.aws_port:
            aws.start(of, wanted.aws_port, tell)
        tell(f"{wanted.aws_url}")

    parts = {"OpenSearch": start_node, "MiniStack": start_emulator}
    if not environments.SAM.ready:
        parts["SAM"] = environments.SAM.make

    def undo() -> None:
        for engine in absent:
            engine.end(patience=2)  # what is still starting has nothing in hand

    try:
        board.at_once(parts, abandon=undo)
    except BaseException:
        undo()
        raise


def _engine_status(engine: Engine) -> EngineStatus:
    pid = engine.pid()
    return EngineStatus(alive=pid is not None, pid=pid, log=str(engine.log))
