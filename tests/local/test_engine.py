"""The life of an engine's process, with small programs in the engine's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.local.engine import Engine, members
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLEEP = "import time; time.sleep(600)"
WITH_WORKER = (
    f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); time.sleep(600)"
)
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine("The engine", tmp_path / "engine.pid", tmp_path / "logs" / "engine.log")
    yield engine
    engine.end(patience=0.1)


def start(engine: Engine, program: str) -> int:
    engine.start([sys.executable, "-c", program], os.environ)
    pid = engine.pid()
    assert pid is not None
    return pid


def wait(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_an_engine_is_alive_from_its_start_to_its_end(engine: Engine) -> None:
    assert not engine.alive()
    pid = start(engine, SLEEP)
    assert engine.alive()
    assert members(pid) == [pid]
    assert engine.end()
    assert not engine.alive()
    assert members(pid) == []
    assert not engine.end()


def test_its_workers_end_with_it(engine: Engine) -> None:
    pid = start(engine, WITH_WORKER)
    wait(lambda: len(members(pid)) == 2)
    assert engine.end()
    assert members(pid) == []


def test_workers_that_a_killed_engine_left_behind_are_ended(engine: Engine) -> None:
    pid = start(engine, WITH_WORKER)
    wait(lambda: len(members(pid)) == 2)
    os.kill(pid, signal.SIGKILL)
    wait(lambda: not engine.alive())
    assert len(members(pid)) == 1
    assert engine.end()
    assert members(pid) == []


def test_one_that_does_not_listen_is_killed(engine: Engine) -> None:
    pid = start(engine, DEAF)
    wait(lambda: "deaf" in engine.log.read_text())
    assert engine.end(patience=0.2)
    assert members(pid) == []


def test_a_stranger_that_got_the_number_of_an_engine_is_left_alone(engine: Engine) -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True) as stranger:
        engine.pid_file.write_text(str(stranger.pid))
        assert not engine.alive()
        assert engine.pid() is None
        assert not engine.end()
        assert stranger.poll() is None
        stranger.kill()


def test_one_that_dies_while_starting_is_told_with_its_last_words(engine: Engine) -> None:
    start(engine, "print('one\\ntwo'); raise SystemExit('no such thing')")
    with pytest.raises(StackError, match=r"The engine ended while starting; .*engine\.log") as told:
        engine.wait_until(lambda: False, limit=60)
    assert str(told.value).endswith("    one\n    two\n    no such thing")


def test_one_that_never_gets_ready_is_ended(engine: Engine) -> None:
    pid = start(engine, SLEEP)
    with pytest.raises(StackError, match=r"The engine was not ready after 0 s; its log .* is empty"):
        engine.wait_until(lambda: False, limit=0.1)
    assert members(pid) == []


def test_the_log_of_the_run_before_is_kept(engine: Engine) -> None:
    start(engine, "print('first')")
    wait(lambda: not engine.alive())
    start(engine, "print('second')")
    wait(lambda: not engine.alive())
    assert engine.log.read_text() == "second\n"
    assert Path(f"{engine.log}.1").read_text() == "first\n"


def test_ctrl_c_does_not_reach_it(engine: Engine) -> None:
    pid = start(engine, SLEEP)
    assert os.getpgid(pid) == pid != os.getpgrp()
    assert os.getsid(pid) == pid
