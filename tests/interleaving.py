"""Runs actors one step at a time, in every order or in some: what a race could do, done on purpose.

An actor is ordinary code in a thread of its own. It says ``step`` before each thing that is done at
once (a call of a port, a request), waits there for its turn, and only one actor has the turn.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from random import Random
from typing import TYPE_CHECKING, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

Choose: TypeAlias = "Callable[[int], int]"
"""Takes how many actors could go on, and says which."""


class _Ended(BaseException):
    """The run is over though this actor is not."""


class Turns:
    """Gives turns, for one run after another.

    Args:
        actors: How many at most.
    """

    def __init__(self, actors: int) -> None:
        self._threads = ThreadPoolExecutor(actors)
        self._actor = threading.local()
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    def step(self) -> None:
        """Wait for this actor's turn; who is no actor does not wait."""
        go: SimpleQueue[None] | None = getattr(self._actor, "go", None)
        if go is None:
            return
        self._back.put(None)
        go.get()
        if self._over:
            raise _Ended

    def run(self, choose: Choose, after_each: Callable[[], None], *actors: Callable[[], None]) -> None:
        """Run all actors to their ends, a step at a time.

        Args:
            choose: Which of those that could go on goes on.
            after_each: Looks at the world after each step.
        """
        self._over = False
        self._back: SimpleQueue[None] = SimpleQueue()
        self._done: list[SimpleQueue[None]] = []
        gates: list[SimpleQueue[None]] = [SimpleQueue() for _ in actors]
        ends = []
        for actor, go in zip(actors, gates, strict=True):
            ends.append(self._threads.submit(self._play, actor, go))
            self._back.get()  # it has come to its first step
        try:
            while waiting := [go for go in gates if go not in self._done]:
                waiting[choose(len(waiting))].put(None)
                self._back.get()
                after_each()
        finally:
            self._over = True
            for go in gates:
                go.put(None)
        for end in ends:
            end.result()

    def _play(self, actor: Callable[[], None], go: SimpleQueue[None]) -> None:
        self._actor.go = go
        try:
            actor()
        except _Ended:
            pass
        finally:
            self._actor.go = None
            self._done.append(go)
            self._back.put(None)


def every_order(run: Callable[[Choose], None]) -> int:
    """Run in every order there is; how many there were."""
    path: list[list[int]] = []
    runs = 0
    while True:
        steps = iter(range(10_000))

        def choose(options: int, steps: Iterator[int] = steps) -> int:
            step = next(steps)
            if step == len(path):
                path.append([0, options])
            return path[step][0]

        run(choose)
        runs += 1
        while path and path[-1][0] == path[-1][1] - 1:
            path.pop()
        if not path:
            return runs
        path[-1][0] += 1


def some_orders(run: Callable[[Choose], None], count: int) -> int:
    """Run in so many orders, the same each time this is called."""
    chance = Random(0)  # noqa: S311 - repeatable on purpose
    for _ in range(count):
        run(chance.randrange)
    return count
