"""A file that keeps how far a tail has come, so that the next one goes on there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.client import Subscription
from pipeline.local.errors import Mistyped, StackError

KEPT = 10_000
"""Ids that are kept beside the cursor. A resume reads the half minute before it again, so what came at up to
300 hits a second is not shown twice; at 65 bytes each they are 650 KB."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a tail has come: its cursor, and the ids of the hits that it showed last."""

    cursor: str
    seen: tuple[str, ...]


def read(file: Path) -> Place | None:
    """The place that a file keeps; None where there is no such file yet.

    Raises:
        Mistyped: It is no such file, or could not be kept.
    """
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise Mistyped(
            f"--cursor-file {file} cannot be kept: {file.parent} is no folder that you may write to."
        )
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Mistyped(f"--cursor-file {file} cannot be read: {error.strerror}.") from error
    except ValueError:
        kept = None
    cursor, seen = (kept.get("cursor"), kept.get("seen")) if isinstance(kept, dict) else (None, None)
    if not isinstance(cursor, str) or not isinstance(seen, list):
        raise Mistyped(f"--cursor-file {file} was not written by `livedex tail`: name another file.")
    return Place(cursor, tuple(each for each in seen if isinstance(each, str)))


def keep(file: Path, subscription: Subscription) -> None:
    """Keep the place of a subscription, all of it or what was there before; nothing where it has none yet.

    Raises:
        StackError: It cannot be written.
    """
    if subscription.cursor is None:
        return
    text = json.dumps({"cursor": subscription.cursor, "seen": subscription.told_lately(KEPT)})
    beside = file.with_name(f"{file.name}.new")
    try:
        beside.write_text(text + "\n", encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        raise StackError(
            f"--cursor-file {file} cannot be written ({error.strerror}); "
            f"go on with --cursor {subscription.cursor}"
        ) from error
