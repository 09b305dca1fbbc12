"""Lines as they arrive: of a pipe, and whether the next one is already there; of a log that grows."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 1 << 16
"""Bytes read at a time."""


class Arrivals:
    """Lines as they arrive.

    Python's own buffered files cannot say whether reading the next line would wait.

    Args:
        descriptor: An open file or pipe; it stays the caller's to close.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._rest = b""

    def __iter__(self) -> Iterator[bytes]:
        while chunk := os.read(self._descriptor, CHUNK):
            *whole, self._rest = (self._rest + chunk).split(b"\n")
            self._lines = [line + b"\n" for line in reversed(whole)]
            while self._lines:
                yield self._lines.pop()
        if self._rest:
            yield self._rest

    def ready(self) -> bool:
        """Whether the next line, or more of it, can be read without waiting."""
        return bool(self._lines or select.select([self._descriptor], [], [], 0)[0])


class Growth:
    """What is added to a log from now on; it need not exist yet."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0
        self._rest = b""

    def lines(self) -> list[str]:
        """The lines that have been finished since the last call; from the beginning if the log began anew."""
        try:
            size = self._log.stat().st_size
            self._at = self._at if size >= self._at else 0
            with self._log.open("rb") as file:
                file.seek(self._at)
                added = file.read()
        except FileNotFoundError:
            return []
        self._at += len(added)
        *whole, self._rest = (self._rest + added).split(b"\n")
        return [line.decode(errors="replace") for line in whole]
