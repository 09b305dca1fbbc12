"""Files that commands are given: events and routes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.core import route
from pipeline.local.errors import StackError


def events(file: str) -> Iterator[bytes]:
    """Give a file's lines, or those of standard input for ``-`` as they come."""
    if file == "-":
        if sys.stdin.isatty():
            sys.stderr.write("Reading events from standard input; end with Ctrl-D.\n")
        yield from sys.stdin.buffer
        return
    try:
        yield from Path(file).read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}.") from error


def routes(file: Path) -> route.Routes:
    """Read a routes file."""
    try:
        return route.routes(file.read_text(encoding="utf-8"), file.name)
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}; name it with --routes.") from error
    except UnicodeDecodeError as error:
        raise StackError(f"{file} is no UTF-8 text: {error.reason} at byte {error.start}.") from error
