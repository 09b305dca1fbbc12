"""The address of a stack's live page: chosen once, since the stack lets no other origin in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.local import files, ports

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.local.places import Places


def origin(of: Places) -> str:
    """The origin of the stack's page, ``http://127.0.0.1:port``: the same one ever after."""
    return f"http://{ports.HOST}:{port(of)}"


def port(of: Places) -> int:
    """The port of the stack's page; any free one is taken and kept at the first call."""
    with files.locked(of.root / "page.lock"):
        return _kept(of) or _choose(of)


def renew(of: Places) -> int:
    """Take another port, because somebody else has that one; the stack must be deployed again."""
    with files.locked(of.root / "page.lock"):
        return _choose(of)


def _choose(of: Places) -> int:
    chosen = ports.free()
    files.write(_file(of), str(chosen).encode())
    return chosen


def _kept(of: Places) -> int | None:
    try:
        return int(_file(of).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def _file(of: Places) -> Path:
    return of.root / "page-port"
