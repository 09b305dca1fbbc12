"""The tests of ``web/``, which are TypeScript and run by vitest; here only whether they pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.web.node import WEB, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("package", ["client", "page"])
def test_the_tests_of_the_package_pass(installed: Path, package: str) -> None:
    run("node", "../node_modules/vitest/vitest.mjs", "run", folder=installed / package)


def test_the_lock_file_names_no_address_to_download_from() -> None:
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    addresses = {each["resolved"] for each in locked.values() if "resolved" in each and not each.get("link")}
    assert addresses == set()
    assert all(
        "integrity" in each
        for name, each in locked.items()
        if "node_modules/" in name and not each.get("link")
    )
