"""An engine's process: started apart from us, found again later, ended with all it started.

While an engine lives it holds the lock of its pid file, which it inherits from whoever starts it.
So nobody mistakes a stranger for it whose process has got the same number since.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

POLL = 0.05
"""Seconds between two looks at a process that is starting or ending."""

PATIENCE = 15.0
"""Seconds that an engine has to end in order before it is killed; OpenSearch needs 1 to 3."""

SHOWN = 6
"""Lines of a log that are worth showing when an engine has died."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine of one stack.

    Attributes:
        title: Its name for people.
        pid_file: Has its process id and is locked while it lives.
        log: What it writes; the log of the run before is kept beside it as ``.1``.
    """

    title: str
    pid_file: Path
    log: Path

    def alive(self) -> bool:
        """Whether it runs now."""
        try:
            with self.pid_file.open("rb") as file:
                # Shared, so that two who look at the same time do not take each other for the engine.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def pid(self) -> int | None:
        """Its process id, or None when it does not run."""
        return self._group() if self.alive() else None

    def start(self, command: Sequence[str | Path], environ: Mapping[str, str]) -> None:
        """Start it in a session and process group of its own, so that Ctrl-C does not reach it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(f"{self.log}.1")
        with self.pid_file.open("w", encoding="utf-8") as file, self.log.open("ab") as log:
            fcntl.flock(file, fcntl.LOCK_EX)
            started = subprocess.Popen(
                command,
                env=dict(environ),
                cwd=self.pid_file.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[file.fileno()],
            )
            file.write(str(started.pid))
        started.returncode = 0  # it is found by its pid file from now on; Popen would warn that it still runs

    def wait_until(self, ready: Callable[[], bool], limit: float) -> None:
        """Wait until it is ready.

        Raises:
            StackError: It died, or was not ready after ``limit`` seconds and has been ended.
        """
        until = time.monotonic() + limit
        while not ready():
            if not self.alive():
                self._reap()
                raise StackError(f"{self.title} ended while starting; {self._last_words()}")
            if time.monotonic() > until:
                self.end()
                raise StackError(f"{self.title} was not ready after {limit:.0f} s; {self._last_words()}")
            time.sleep(POLL)

    def end(self, patience: float = PATIENCE) -> bool:
        """End it and everything it started, and return when all are gone; whether there was any.

        Raises:
            StackError: Something of it could not be ended.
        """
        group = self._group()
        left = group is not None and self._ours(group)
        if group is not None and left:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                _signal(group, sign)
                _wait(lambda: not self.alive(), patience)
            _signal(group, signal.SIGKILL)  # nothing is owed to workers that outlive their engine
            self._reap()
            if not _wait(lambda: not members(group), patience):
                raise StackError(f"{self.title} could not be ended: try `kill -9 -{group}`.")
        self.pid_file.unlink(missing_ok=True)
        return left

    def _group(self) -> int | None:
        """The id of its process and of its process group, as written when it was started."""
        try:
            return int(self.pid_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def _ours(self, group: int) -> bool:
        """Whether the group is this engine's, or workers that it left behind.

        A process that has the number but not the lock is a stranger: the number was given again.
        """
        found = members(group)
        return self.alive() or (bool(found) and group not in found)

    def _reap(self) -> None:
        """Take note of its end where we are its parent, so that no zombie stays."""
        group = self._group()
        with suppress(ChildProcessError):
            if group is not None:
                os.waitpid(group, os.WNOHANG)

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        shown = "\n".join(f"    {line[:200]}" for line in lines[-SHOWN:])
        return f"its log is {self.log}, the end of it:\n{shown}" if shown else f"its log {self.log} is empty."


def members(group: int) -> list[int]:
    """The processes of a process group that still run; zombies have ended."""
    return [pid for pid, pgid, state in _processes() if pgid == group and state != "Z"]


def _processes() -> Iterator[tuple[int, int, str]]:
    """Every process: its id, its group, its state's letter."""
    if not Path("/proc/self/stat").exists():  # macOS
        for line in subprocess.check_output(
            ["/bin/ps", "-A", "-o", "pid=,pgid=,stat="], text=True
        ).splitlines():
            pid, pgid, state = line.split()
            yield int(pid), int(pgid), state[0]
        return
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended while we were looking
            # pid (name) state ppid pgrp …; the name may have spaces and brackets in it, the rest has none:
            # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
            state, _, pgid = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
            yield int(stat.parent.name), int(pgid), state


def _signal(group: int, sign: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, sign)


def _wait(until: Callable[[], bool], limit: float) -> bool:
    deadline = time.monotonic() + limit
    while not (done := until()) and time.monotonic() < deadline:
        time.sleep(POLL)
    return done
