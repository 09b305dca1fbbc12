"""Hits on standard output, for people or for programs, until nobody reads it any more."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from pipeline.cli import hit_lines


class Closed(Exception):  # noqa: N818 - an end like any other
    """Whoever read the output has gone, as ``head`` does."""


class Printer:
    """Prints hits; a pipe gets no colours.

    Args:
        as_json: Print each hit whole, as one line of JSON in UTF-8.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False)
        if isinstance(sys.stdout, io.TextIOWrapper):
            if as_json:
                sys.stdout.reconfigure(encoding="utf-8")
            else:
                sys.stdout.reconfigure(errors="replace")

    def hits(self, found: Iterable[dict[str, Any]]) -> None:
        """Print them, and see that they arrive.

        Raises:
            Closed: They do not.
        """
        today = datetime.fromtimestamp(time.time(), UTC).date().isoformat()
        try:
            for hit in found:
                self._hit(hit, today)
            sys.stdout.flush()
        except BrokenPipeError:
            # What the interpreter still has to flush when it ends goes nowhere, instead of failing again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Closed from None

    def _hit(self, hit: dict[str, Any], today: str) -> None:
        if self._as_json:
            sys.stdout.write(json.dumps(hit, ensure_ascii=False, separators=(",", ":")) + "\n")
        elif sys.stdout.isatty():
            self._console.print(hit_lines.line(hit, today), soft_wrap=True)
        else:
            sys.stdout.write(hit_lines.line(hit, today).plain + "\n")


def remark(text: str) -> None:
    """Say something beside the hits, on stderr."""
    sys.stderr.write(f"-- {hit_lines.printable(text)}\n")
