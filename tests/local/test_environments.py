"""Virtual environments, made for real; from requirement files that need little."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pipeline.local import install, ports
from pipeline.local.environments import Environment
from pipeline.local.errors import StackError
from pipeline.local.places import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = f"nowhere==1.0 --hash=sha256:{'0' * 64}\n"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    (tmp_path / "small.txt").write_text("# nothing is needed\n")
    (tmp_path / "all.txt").write_text("# nothing more\n")
    return Environment(tmp_path / "made", (tmp_path / "small.txt", tmp_path / "all.txt"), scratch=tmp_path)


def test_one_is_made_once(environment: Environment) -> None:
    told: list[str] = []
    assert not environment.ready
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: environment.make(told.append), range(2)))
    assert environment.ready
    assert told.count("making the virtual environment") == 1
    assert told.count("ready") == 2
    subprocess.run([environment.python, "-c", "import json"], check=True)


def test_it_is_ready_until_its_requirements_change_and_not_rebuilt_then(environment: Environment) -> None:
    environment.make(lambda _: None)
    first, _ = environment.requirements
    first.write_text("# something else\n")
    assert not environment.ready
    told: list[str] = []
    environment.make(told.append)
    assert told == ["installing small.txt", "ready"]


def test_one_made_from_the_larger_requirements_will_do_for_the_smaller(environment: Environment) -> None:
    small, larger = environment.requirements
    Environment(environment.folder, (larger,), scratch=environment.scratch).make(lambda _: None)
    assert environment.ready
    assert environment.requirements[0] == small


def test_one_of_another_python_is_made_again(environment: Environment) -> None:
    environment.make(lambda _: None)
    about = environment.folder / "pyvenv.cfg"
    about.write_text(about.read_text().replace("version = 3.", "version = 2."))
    assert not environment.ready


def test_one_that_somebody_made_by_hand_is_completed_and_not_wiped(environment: Environment) -> None:
    venv.create(environment.folder)
    kept = environment.folder / "kept"
    kept.touch()
    assert not environment.ready
    environment.make(lambda _: None)
    assert environment.ready
    assert kept.exists()


def test_one_that_was_not_finished_is_not_ready(environment: Environment) -> None:
    environment.requirements[0].write_text(NOWHERE + "/nowhere/at-all.whl\n")
    with pytest.raises(StackError, match=r"pip .* failed; its log is .*made\.log, the end of it:"):
        environment.make(lambda _: None)
    assert not environment.ready


def test_an_index_out_of_reach_is_told_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, environment: Environment
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://{ports.HOST}:{ports.free()}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    environment.requirements[0].write_text(NOWHERE)
    with pytest.raises(
        StackError, match=r"Cannot reach the Python package index: .*PIP_INDEX_URL.*made\.log"
    ):
        environment.make(lambda _: None)


def test_an_old_python_is_told_which_one_is_needed() -> None:
    assert install.lacking((3, 11)) == ""
    assert install.lacking((4, 0)) == ""
    assert (
        install.lacking((3, 10))
        == "livedex needs Python 3.11 or later, not 3.10: `make PYTHON=python3.11 …`."
    )


@pytest.mark.parametrize(
    ("module", "text"), [("ensurepip", "apt install python3-venv"), ("fcntl", "inside WSL")]
)
def test_what_a_python_lacks_is_one_line(module: str, text: str) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None; from pipeline.local import install; install.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert text in ended.stderr
    assert ended.stderr.count("\n") == 1
