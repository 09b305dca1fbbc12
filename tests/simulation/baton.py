"""Virtual time, and one baton: of all threads only the one that holds it runs.

An actor is ordinary code in a thread of its own. Where it would wait, or call something outside, it says
``pause``: the baton goes to whatever is due next, and comes back when this actor is. So a run is the same
each time, takes no time of its own, and code that knows nothing of all this can be cut anywhere.
"""

from __future__ import annotations

import threading
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

START = 1_767_225_600_000
"""2026-01-01T00:00:00Z, where every world begins."""


class Killed(BaseException):
    """The process is no more; a BaseException, because nobody survives to catch it."""


class _Worker(threading.Thread):
    """Runs one actor after another."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.gate = threading.Lock()
        self.gate.acquire()
        self.baton: Baton | None = None
        self.job: Callable[[], None] | None = None
        self.start()

    def run(self) -> None:
        while True:
            self.gate.acquire()
            baton, job = self.baton, self.job
            assert baton is not None
            assert job is not None
            try:
                job()
            except Killed:
                pass
            except BaseException as failure:  # noqa: BLE001 - told by ``run``, in the thread that waits for it
                baton.fail(failure)
            self.baton = self.job = None
            baton.leave(self)


_IDLE: list[_Worker] = []
"""Threads without an actor, kept from world to world."""


class Baton:
    """Time in ms since the epoch, and what is due when.

    Attributes:
        now: The one true time, which no function's clock shows exactly.
    """

    def __init__(self, now: int = START) -> None:
        self.now = now
        self._due: list[tuple[int, int, Callable[[], None] | _Worker]] = []
        self._order = count()
        self._main = threading.Lock()
        self._main.acquire()
        self._holder: _Worker | None = None
        self._failure: BaseException | None = None
        self._stopped = False
        self._over = False

    def at(self, when: int, call: Callable[[], None]) -> None:
        """Have something done at a time; it must not pause."""
        heappush(self._due, (max(when, self.now), next(self._order), call))

    def after(self, milliseconds: float, call: Callable[[], None]) -> None:
        """Have something done after a while; it must not pause."""
        self.at(self.now + round(milliseconds), call)

    def start(self, actor: Callable[[], None]) -> None:
        """Let an actor begin."""
        if self._over:
            return
        worker = _IDLE.pop() if _IDLE else _Worker()
        worker.baton, worker.job = self, actor
        heappush(self._due, (self.now, next(self._order), worker))

    def pause(self, milliseconds: float) -> None:
        """Let time pass for the actor that says so, and others do what is due meanwhile.

        Raises:
            Killed: The world has ended.
        """
        me = self._holder
        assert me is not None, "only actors pause"
        if self._over:
            raise Killed
        heappush(self._due, (self.now + round(milliseconds), next(self._order), me))
        if self._pass_on(me):
            return
        me.gate.acquire()
        if self._over:
            raise Killed

    def stop(self) -> None:
        """End the run as soon as the one who holds the baton lets go of it."""
        self._stopped = True

    def run(self) -> None:
        """Do all that is due until somebody says ``stop`` or nothing is left.

        Raises:
            BaseException: What an actor or a call failed with.
        """
        if not self._pass_on(None):
            self._main.acquire()
        self._over = True
        left, self._due = self._due, []
        for _, _, worker in left:
            if isinstance(worker, _Worker):
                self._holder = worker
                worker.gate.release()
                self._main.acquire()
        if self._failure is not None:
            raise self._failure

    # --- for workers ----------------------------------------------------------------------------

    def fail(self, failure: BaseException) -> None:
        """Remember what an actor failed with; the first counts."""
        self._failure = self._failure or failure

    def leave(self, worker: _Worker) -> None:
        """Hand the baton on for good."""
        _IDLE.append(worker)
        if self._over or self._pass_on(worker, leaving=True):
            self._main.release()

    def _pass_on(self, me: _Worker | None, *, leaving: bool = False) -> bool:
        """Do what is due up to the next actor's turn, and let that one go on.

        Returns:
            Whether it is the caller who goes on; for one who leaves and for ``run``: that the run has ended.
        """
        while self._due and not self._stopped and self._failure is None:
            self.now, _, what = heappop(self._due)
            if not isinstance(what, _Worker):
                try:
                    what()
                except BaseException as failure:  # noqa: BLE001 - as above
                    self.fail(failure)
                continue
            self._holder = what
            if what is me and not leaving:
                return True
            what.gate.release()
            return False
        if me is None or leaving:
            return True
        self._main.release()
        return False
