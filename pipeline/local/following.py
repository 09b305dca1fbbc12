"""The logs of a stack, line by line, and on as they grow."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from enum import StrEnum
from os import fstat
from os.path import samestat
from typing import TYPE_CHECKING, TextIO

from pipeline.local.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

POLL = 0.25
"""Seconds between two looks for new lines."""


class Log(StrEnum):
    """A log by its name."""

    OPENSEARCH = "opensearch"
    AWS = "aws"
    FUNCTIONS = "functions"


def lines(folder: Path, names: Sequence[Log], *, last: int, follow: bool) -> Iterator[str]:
    """The last lines of each log, then, when following, what is added; prefixed by the log's name if several.

    A log that does not exist yet is followed from its beginning, one that was begun anew likewise.
    """
    of = Places(folder)
    with ExitStack() as closing:
        tails = [_Tail(of.log(name), f"{name:<10} | " if len(names) > 1 else "") for name in names]
        for tail in tails:
            closing.callback(tail.close)
            yield from deque(tail.added(), maxlen=last)
        while follow:
            time.sleep(POLL)
            for tail in tails:
                yield from tail.added()


class _Tail:
    """A log file and how far it has been read."""

    def __init__(self, path: Path, prefix: str) -> None:
        self._path = path
        self._prefix = prefix
        self._file: TextIO | None = None
        self._half = ""

    def added(self) -> Iterator[str]:
        """The whole lines that were added since the last call."""
        if self._file:
            yield from self._rest(self._file)
        if self._begun_anew():
            self.close()
            self._file = self._path.open(encoding="utf-8", errors="replace")
            self._half = ""
            yield from self._rest(self._file)

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def _rest(self, file: TextIO) -> Iterator[str]:
        for piece in file:
            if not piece.endswith("\n"):
                self._half += piece  # its end is not written yet
                continue
            yield self._prefix + self._half + piece.rstrip("\n")
            self._half = ""

    def _begun_anew(self) -> bool:
        """Whether another file has the path now, as it has after its engine was started again."""
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        return self._file is None or not samestat(now, fstat(self._file.fileno()))
