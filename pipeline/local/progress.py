"""One line of progress a part, with seconds, for work that goes on side by side.

Standard library only: it is needed before Rich is installed.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

Tell: TypeAlias = "Callable[[str], None]"
"""Takes words on how far a part is."""

REDRAW = 0.2
"""Seconds between two drawings on a terminal."""

REMIND = 15.0
"""Seconds between two lines on an unfinished part where the output is no terminal."""

WIDTH = 110
"""Columns that a line may take."""


@dataclass
class _Part:
    name: str
    began: float
    text: str = ""
    ended: float | None = None
    mark: str = "…"

    def line(self, now: float) -> str:
        seconds = (self.ended or now) - self.began
        return f"  {self.mark} {self.name:<22} {seconds:5.1f} s  {self.text}"[:WIDTH]


@dataclass
class Board:
    """Shows how far each part is: rewritten in place on a terminal, a line at its end elsewhere.

    Use it as a context; parts may begin and end in any thread.
    """

    stream: TextIO
    _parts: list[_Part] = field(default_factory=list)
    _drawn: int = 0
    _changing: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._thread = threading.Thread(target=self._keep_drawing, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Draw for the last time."""
        self._over.set()
        if self._thread:
            self._thread.join()
        self._draw()

    def at_once(
        self, parts: Mapping[str, Callable[[Tell], None]], abandon: Callable[[], None] = lambda: None
    ) -> None:
        """Do all parts of a work side by side; the first error is raised when all have ended.

        Args:
            parts: What to do, by its name.
            abandon: Called at Ctrl-C, to end what the parts wait for.
        """

        def do(name: str) -> None:
            with self.part(name) as tell:
                parts[name](tell)

        with ThreadPoolExecutor(len(parts)) as threads:
            doing = [threads.submit(do, name) for name in parts]
            try:
                for each in doing:
                    each.result()
            except KeyboardInterrupt:
                abandon()
                raise

    @contextmanager
    def part(self, name: str) -> Iterator[Tell]:
        """A part of the work; yields what to call with words on how far it is."""
        part = _Part(name, time.monotonic())
        with self._changing:
            self._parts.append(part)

        def tell(text: str) -> None:
            part.text = text

        try:
            yield tell
            part.mark = "✓"
        except BaseException:
            part.mark = "✗"
            raise
        finally:
            part.ended = time.monotonic()
            self._draw()

    def say(self, text: str) -> None:
        """Write a line that belongs to no part."""
        with self._changing:
            self.stream.write(f"  {text}\n")
            self.stream.flush()
            self._drawn = 0

    def _keep_drawing(self) -> None:
        while not self._over.wait(REDRAW if self.stream.isatty() else REMIND):
            self._draw(reminding=True)

    def _draw(self, *, reminding: bool = False) -> None:
        with self._changing:
            now = time.monotonic()
            if self.stream.isatty():
                up = f"\033[{self._drawn}A" if self._drawn else ""
                self.stream.write(up + "".join(f"\033[2K{part.line(now)}\n" for part in self._parts))
                self._drawn = len(self._parts)
            else:
                shown = [part for part in self._parts if part.ended or reminding]
                self.stream.writelines(f"{part.line(now)}\n" for part in shown)
                self._parts = [part for part in self._parts if not part.ended]
            self.stream.flush()
