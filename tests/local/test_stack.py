"""The local stack on real engines. Stacks beside the session's use its node as a given cluster."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from pipeline.local import aws, opensearch, state
from pipeline.local import stack as local
from pipeline.local.engine import members
from pipeline.local.errors import StackError
from pipeline.local.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.conftest import RunningStack

LIVEDEX = Path(sys.executable).with_name("livedex")


def livedex(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "OPENSEARCH_URL"}
    return subprocess.run(
        [LIVEDEX, *arguments], cwd=folder, env=clean | environ, capture_output=True, text=True, check=False
    )


def get(url: str) -> Any:  # noqa: ANN401 - JSON of whatever form
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - our own engines
        return json.load(answer)


def pids(folder: Path) -> tuple[int | None, int | None]:
    now = local.status(folder)
    return now.opensearch.pid, now.aws.pid


@pytest.fixture
def beside(stack: RunningStack, tmp_path: Path) -> Iterator[Path]:
    """A folder with a stack of its own, but for its OpenSearch."""
    try:
        local.up(tmp_path, opensearch_url=stack.opensearch)
        yield tmp_path
    finally:
        local.down(tmp_path)


def test_the_endpoints_of_a_stack_that_is_up_answer(stack: RunningStack) -> None:
    assert get(stack.opensearch)["version"]["number"] == "3.4.0"
    assert get(f"{stack.aws}/_ministack/health")


def test_a_second_up_finds_the_engines_running(stack: RunningStack) -> None:
    before = pids(stack.folder)
    again = local.up(stack.folder, opensearch_url=os.environ.get("OPENSEARCH_URL"))
    assert (again.opensearch, again.aws) == (stack.opensearch, stack.aws)
    assert pids(stack.folder) == before


def test_status_names_every_endpoint_and_those_of_the_deploy_once_there_is_one(beside: Path) -> None:
    names = [each.name for each in fields(local.Endpoints)]
    before = json.loads(livedex(beside, "status", "--json").stdout)
    assert [name for name in names if before[name]] == ["opensearch", "aws"]

    outputs = {output: f"the {output}" for output in local.OUTPUTS.values()}
    Places(beside).outputs.write_text(json.dumps(outputs))
    after = json.loads(livedex(beside, "status", "--json").stdout)
    assert list(after) == [*names, "engines"]
    assert after["websocket"] == "the WebSocketUrl"
    assert all(after[name] for name in names)


def test_status_tells_how_the_engines_fare(stack: RunningStack, beside: Path) -> None:
    told = livedex(beside, "status").stdout
    assert f"opensearch    {stack.opensearch}" in told
    assert "OpenSearch    answers" in told
    assert f"AWS           runs, process {local.status(beside).aws.pid}" in told


def test_a_given_cluster_is_used_instead_of_a_node(stack: RunningStack, tmp_path: Path) -> None:
    try:
        up = livedex(tmp_path, "up", "--json", OPENSEARCH_URL=stack.opensearch)
        told = json.loads(up.stdout)
        assert told["opensearch"] == stack.opensearch
        assert told["engines"]["opensearch"] == {"alive": True, "pid": None, "log": None}
        assert not Places(tmp_path).log("opensearch").exists()
    finally:
        local.down(tmp_path)


def test_two_stacks_run_side_by_side_and_one_ends_without_the_other(
    stack: RunningStack, beside: Path
) -> None:
    assert local.status(beside).endpoints.aws != stack.aws
    assert local.down(beside) == ["MiniStack"]
    assert local.status(stack.folder).aws.alive
    assert get(stack.opensearch)


def test_down_leaves_no_process(beside: Path) -> None:
    group = local.status(beside).aws.pid
    assert group is not None
    assert members(group)
    assert livedex(beside, "down").stdout == "Ended: MiniStack.\n"
    assert not members(group)
    assert livedex(beside, "down").stdout == "Nothing was running here.\n"
    assert local.status(beside).endpoints == local.Endpoints(
        opensearch=local.status(beside).endpoints.opensearch
    )


def test_an_emulator_that_was_killed_comes_back_at_its_port_and_wants_a_new_deploy(
    stack: RunningStack, beside: Path
) -> None:
    before = local.status(beside)
    assert before.aws.pid
    Places(beside).outputs.write_text('{"TableName": "of before"}')
    os.kill(before.aws.pid, signal.SIGKILL)
    wait_until_dead(beside)
    assert local.status(beside).endpoints.table is None

    after = local.up(beside, opensearch_url=stack.opensearch)
    assert after.aws == before.endpoints.aws
    assert after.table is None
    assert not Places(beside).outputs.exists()


def wait_until_dead(folder: Path) -> None:
    limit = time.monotonic() + 10
    while local.status(folder).aws.alive:
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_another_cluster_wants_a_new_deploy(beside: Path) -> None:
    Places(beside).outputs.write_text('{"TableName": "with the cluster of before"}')
    found = state.read(Places(beside))
    state.write(Places(beside), state.State(aws_port=found.aws_port, given_url="http://127.0.0.1:1"))
    local.up(beside, opensearch_url=found.given_url)
    assert not Places(beside).outputs.exists()


@pytest.mark.parametrize("option", ["--opensearch-port", "--aws-port"])
def test_a_port_in_use_is_one_line_that_names_it_and_the_option(tmp_path: Path, option: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        up = livedex(tmp_path, "up", option, str(port))
    assert up.returncode == 1
    assert up.stderr == (
        f"livedex: Port {port} is in use by another program: choose a free one with {option} PORT, "
        f"or leave {option} out to get any.\n"
    )


def test_a_running_engine_does_not_move_to_another_port(stack: RunningStack, beside: Path) -> None:
    with pytest.raises(
        StackError, match=r"MiniStack runs on port \d+: `livedex down` first, or leave --aws-port out"
    ):
        local.up(beside, opensearch_url=stack.opensearch, aws_port=1)


def test_a_node_that_dies_at_start_shows_the_end_of_its_log_and_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    up = livedex(tmp_path, "up", "--opensearch-heap", "1m")
    log = Places(tmp_path).log("opensearch")
    assert up.returncode == 1
    assert "Traceback" not in up.stderr.partition("livedex: ")[0]
    assert f"livedex: The OpenSearch node ended while starting; its log is {log}, the end of it:" in up.stderr
    assert "Too small maximum heap" in up.stderr
    assert pids(tmp_path) == (None, None)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:1", "does not answer"),
        ("127.0.0.1:9200", "must be like https://host:9200"),
        ("http://name:word@127.0.0.1:9200", "LIVEDEX_OPENSEARCH_USERNAME"),
    ],
)
def test_a_given_cluster_that_cannot_be_used_is_one_line(tmp_path: Path, url: str, text: str) -> None:
    up = livedex(tmp_path, "up", OPENSEARCH_URL=url)
    assert up.returncode == 1
    assert up.stderr.startswith("livedex: OPENSEARCH_URL ")
    assert text in up.stderr
    assert up.stderr.count("\n") == 1


def test_too_little_memory_is_said_before_the_node_starts(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       2048000 kB\nMemAvailable:    524288 kB\n")
    with pytest.raises(
        StackError, match=r"Only 0\.5 GB of memory is available .* may need 1\.3 GB: .*OPENSEARCH_URL"
    ):
        opensearch.require_memory("1g", meminfo)
    meminfo.write_text("MemAvailable:  2097152 kB\n")
    opensearch.require_memory("1g", meminfo)
    opensearch.require_memory("1g", tmp_path / "a system without it")


def test_a_heap_that_is_no_size_is_refused_by_its_option() -> None:
    with pytest.raises(StackError, match=r"--opensearch-heap is '1 GB'; it must be like 512m or 1g"):
        opensearch.require_memory("1 GB")


def test_the_emulator_sees_nobodys_credentials_and_writes_below_its_folder(
    stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a real one")
    try:
        local.up(tmp_path, opensearch_url=stack.opensearch)
        environ = Path(f"/proc/{local.status(tmp_path).aws.pid}/environ")
        if not environ.exists():
            pytest.skip("this system does not show a process's environment")
        seen = dict(each.split("=", 1) for each in environ.read_text().split("\0") if each)
    finally:
        local.down(tmp_path)
    assert seen["AWS_SECRET_ACCESS_KEY"] == "test"  # noqa: S105 - no secret
    assert "AWS_PROFILE" not in seen
    assert all(Path(seen[name]).is_relative_to(tmp_path) for name in ("TMPDIR", "STATE_DIR", "S3_DATA_DIR"))


def test_progress_is_a_line_for_each_engine(stack: RunningStack) -> None:
    shown = io.StringIO()
    local.up(stack.folder, opensearch_url=os.environ.get("OPENSEARCH_URL"), show=shown)
    assert sorted(line.split()[1] for line in shown.getvalue().splitlines()) == ["MiniStack", "OpenSearch"]


def test_the_development_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first = state.development_secret(Places(tmp_path))
    assert state.development_secret(Places(tmp_path)) == first
    assert len(first) == 64
    assert Places(tmp_path).secret.stat().st_mode & 0o777 == 0o600


def test_a_state_that_cannot_be_read_is_that_of_a_stack_never_started(tmp_path: Path) -> None:
    Places(tmp_path).root.mkdir()
    Places(tmp_path).state.write_text("half a fi")
    assert state.read(Places(tmp_path)) == state.State()
    assert not aws.engine(Places(tmp_path)).alive()
