"""The tests of ``web/``, which are TypeScript and run by vitest; here only whether they pass."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
PATIENCE = 600
"""Seconds for installing, or for a package's tests, on a busy machine."""


@pytest.fixture(scope="session")
def installed() -> Path:
    """``web/`` with its packages as the lock file has them."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        reason = (
            "there is no Node (20.19 or later), which the browser client and the live page are tested with"
        )
        if {"node", "browser"} & set(os.environ.get("LIVEDEX_REQUIRE", "").split(",")):
            pytest.fail(f"LIVEDEX_REQUIRE: {reason}", pytrace=False)
        pytest.skip(reason)
    lock, installed = WEB / "package-lock.json", WEB / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run(npm, "ci")
    return WEB


def _run(*command: str, folder: Path = WEB) -> None:
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False, env=_environment()
    )
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}\n{ended.stderr}"


def _environment() -> dict[str, str]:
    return {**os.environ, "CI": "1", "NO_COLOR": "1"}


@pytest.mark.parametrize("package", ["client", "page"])
def test_the_tests_of_the_package_pass(installed: Path, package: str) -> None:
    _run("node", "../node_modules/vitest/vitest.mjs", "run", folder=installed / package)


def test_the_lock_file_names_no_address_to_download_from() -> None:
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    addresses = {each["resolved"] for each in locked.values() if "resolved" in each and not each.get("link")}
    assert addresses == set()
    assert all(
        "integrity" in each
        for name, each in locked.items()
        if "node_modules/" in name and not each.get("link")
    )
