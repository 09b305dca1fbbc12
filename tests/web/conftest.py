"""The packages of ``web/``, installed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.web.node import WEB, run

if TYPE_CHECKING:
    from pathlib import Path


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
        run(npm, "ci")
    return WEB
