"""The browser client's own rules (``web/client``) in the place of the model's.

They are TypeScript, so they run in Node: one process for each of ours, which answers a line with a line.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.client.subscription import Phase
from pipeline.local.places import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT = PROJECT / "web" / "client"

BUILD = """
import { build } from "vite";
const [root, outDir] = process.argv.slice(1);
await build({ root, configFile: false, logLevel: "error", build: { ssr: "tests/played.ts", outDir } });
"""


class NoNode(Exception):  # noqa: N818 - a state of affairs
    """There is no Node, or the packages of ``web/`` are not installed."""


@dataclass(eq=False, slots=True)
class Subscription:
    """What is known here of one; see ``client.Subscription``."""

    wanted: str
    cursor: str | None
    phase: Phase = Phase.UNASKED
    channel: str | None = None
    since: int | None = None
    shown: list[dict[str, Any]] = field(default_factory=list)
    gaps: list[tuple[int | None, int]] = field(default_factory=list)


class WebClient:
    """``web/client/src/session.ts`` with the model's interface."""

    def __init__(self, chance: Callable[[], float], off: frozenset[str] = frozenset()) -> None:
        self.subscriptions: list[Subscription] = []
        self._chance = chance
        self._name = f"player-{next(PLAYERS)}"
        self._wake_at = 0
        assert not off & CLIENT_RULES, "this client keeps its rules"

    @property
    def is_live(self) -> bool:
        return all(each.phase in (Phase.LIVE, Phase.LEFT) for each in self.subscriptions)

    def subscribe(
        self, wanted: str, pattern: dict[str, Any], snapshot: int | None, cursor: str | None, now: int
    ) -> None:
        self.subscriptions.append(Subscription(wanted, cursor))
        self._ask("subscribe", now, filter=pattern, snapshot=snapshot, cursor=cursor)

    def leave(self, subscription: Subscription) -> None:
        self._ask("leave", 0, place=self.subscriptions.index(subscription))

    def opened(self, now: int) -> None:
        self._ask("open", now)

    def wake_at(self) -> int:
        return self._wake_at

    def is_dead(self, now: int) -> bool:
        return bool(self._ask("look", now)["isDead"])

    def due(self, now: int) -> list[str]:
        return list(self._ask("send", now)["sends"])

    def received(self, text: bytes, now: int) -> None:
        self._ask("receive", now, text=text.decode())

    def _ask(self, does: str, now: int, **given: object) -> dict[str, Any]:
        asked = {"player": self._name, "does": does, "now": now, "chance": self._chance(), **given}
        answer: dict[str, Any] = node().ask(asked)
        self._wake_at = round(answer["wakeAt"]) + 1
        for each, stands in zip(self.subscriptions, answer["stands"], strict=True):
            phase, each.cursor, each.channel, each.since = stands
            each.phase = Phase(phase.replace("-", " "))
        for place, hits in answer["hits"]:
            self.subscriptions[place].shown.extend(hits)
        for place, gap in answer["gaps"]:
            if not gap["mended"] and isinstance(gap.get("to"), int):
                self.subscriptions[place].gaps.append((gap.get("from"), gap["to"]))
        return answer


class Node:
    """A process that plays clients.

    Raises:
        NoNode: It cannot be begun.
    """

    def __init__(self) -> None:
        path = shutil.which("node")
        if path is None or not (CLIENT.parent / "node_modules" / "vite").exists():
            raise NoNode("there is no Node, or nobody has run: npm --prefix web ci")
        with tempfile.TemporaryDirectory(prefix="livedex-played-") as folder:
            build = [path, "--input-type=module", "--eval", BUILD, str(CLIENT), folder]
            subprocess.run(build, cwd=CLIENT, check=True)
            (built,) = Path(folder).glob("played.*")
            text = built.read_text()
        self._process = subprocess.Popen(
            [path, "--input-type=module", "--eval", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Ask something of a player; how it stands then."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, "the players' process has ended"
        stands: dict[str, Any] = json.loads(answer)
        return stands


PLAYERS = count()

node = cache(Node)
"""The one of this process; it ends with us, since nobody asks it any more."""

CLIENT_RULES = frozenset(
    {"cursor rests", "cursor per subscription", "cursor after catch-up", "gaps only lower", "seen ids"}
)
