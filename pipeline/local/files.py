"""Files that several stacks share: written whole or not at all, and locks that end with their holder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put a file in place whole."""
    with replacing(path, mode) as file:
        file.write_bytes(content)


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[Path]:
    """A file to be written inside, and put in place whole: a reader finds the old one or the new one.

    Nothing of it stays where writing it failed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    file = Path(name)
    try:
        yield file
        file.chmod(mode)
        file.replace(path)
    except BaseException:
        file.unlink()
        raise


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of this name against all other processes and threads.

    The operating system lets go of it when the holder ends, however it ends.

    Args:
        path: The lock's file; it stays.
        waiting: Called once if somebody else holds it now.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
