"""Runs Node's commands for tests, where there is Node."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

WEB = Path(__file__).parents[2] / "web"
PATIENCE = 600
"""Seconds for installing, or for a package's tests, on a busy machine."""


def run(*command: str, folder: Path = WEB) -> None:
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False, env=_environment()
    )
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}\n{ended.stderr}"


def _environment() -> dict[str, str]:
    return {**os.environ, "CI": "1", "NO_COLOR": "1"}
