"""Everything that running needs, installed side by side: our environment, the tools', the jars.

Standard library only; see ``install``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.local import environments, jars, places
from pipeline.local.errors import StackError
from pipeline.local.progress import Board

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.local.progress import Tell

SETS = {"run": ("run", "dev"), "dev": ("dev",)}
"""Requirement files that will do for what is asked, the one to install first."""


def install(arguments: Sequence[str]) -> None:
    """Install what is not there yet; a line of progress a part.

    Args:
        arguments: ``run`` or ``dev``.
    """
    parser = argparse.ArgumentParser(prog="python3 -m pipeline.local.install", description=__doc__)
    parser.add_argument("what", choices=sorted(SETS))
    what: str = parser.parse_args(arguments).what
    ours = environments.project(*SETS[what])
    _go_on_with(ours)
    try:
        parts = missing(ours)
        if parts:
            with Board(sys.stderr) as board:
                board.at_once(parts)
    except StackError as trouble:
        sys.exit(f"livedex: {trouble}")


def missing(ours: environments.Environment) -> dict[str, Callable[[Tell], None]]:
    """The parts that are not installed, by their title."""
    parts: dict[str, Callable[[Tell], None]] = {}
    if not ours.ready:
        parts["livedex"] = ours.make
    if not environments.MINISTACK.ready:
        parts["MiniStack"] = environments.MINISTACK.make
    if not environments.SAM.ready:
        parts["SAM"] = environments.SAM.make
    if not jars.complete(places.JARS_LOCK):
        parts["OpenSearch"] = _fetch_jars
    return parts


def _fetch_jars(tell: Tell) -> None:
    jars.fetch(places.JARS_LOCK, tell)


def _go_on_with(ours: environments.Environment) -> None:
    """Become the environment's own Python where it has a usable one, so that all are of one version."""
    if not ours.python.exists() or Path(sys.prefix).resolve() == ours.folder.resolve():
        return
    probe = "import sys; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run([ours.python, "-c", probe], check=False).returncode == 0:
        command = [str(ours.python), "-m", "pipeline.local.install", *sys.argv[1:]]
        os.execv(command[0], command)  # noqa: S606 - nothing here is for a shell
