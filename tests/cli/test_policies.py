from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from typer.testing import CliRunner

from pipeline.cli import clusters, policies
from pipeline.cli.endpoints import Target
from pipeline.local.errors import StackError
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from click.testing import Result

    from conftest import RunningStack

ROOT = Path(__file__).parents[2]
OURS = ("@ingested", "tokens", "detail")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of its own, with our files, that the commands take for theirs."""
    for name in ("routes.toml", "index_templates", "ism_policies"):
        for file in [ROOT / name] if name.endswith(".toml") else (ROOT / name).glob("*.json"):
            copy = tmp_path / file.relative_to(ROOT)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(file.read_bytes())
    monkeypatch.setattr(shipped, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(policies.commands, list(arguments))


def policy(project: Path) -> Any:  # noqa: ANN401 - any JSON
    return json.loads((project / "ism_policies/livedex-metrics.json").read_bytes())


def write(project: Path, body: object) -> None:
    (project / "ism_policies/livedex-metrics.json").write_text(json.dumps(body), encoding="utf-8")


# --- verify and explain -----------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_files_that_fit_each_other_pass() -> None:
    shown = run("verify")
    assert (shown.exit_code, shown.output) == (0, "Routes, index templates and policies fit each other.\n")
    assert json.loads(run("verify", "--json").output) == {"findings": []}


def test_files_that_do_not_fit_are_refused_with_the_way_out(project: Path) -> None:
    body = policy(project)
    body["policy"]["states"][1]["transitions"][0]["conditions"] = {"min_index_age": "1y"}
    write(project, body)
    shown = run("verify")
    assert isinstance(shown.exception, StackError)
    assert "min_index_age is '1y'; write a whole number with d" in str(shown.exception)
    assert "wrong: ism_policies/livedex-metrics.json: state 'warm'" in shown.output
    assert isinstance(run("apply", "--url", "http://127.0.0.1:1").exception, StackError)


def test_a_time_line_shows_what_becomes_of_an_index(project: Path) -> None:
    lines = run("policies", "explain", "livedex-metrics").output.splitlines()
    assert [" ".join(line.split()) for line in lines[:4]] == [
        "livedex-metrics, for metrics-*",
        "day 0 hot index priority",
        "day 2 warm index priority",
        "day 14 delete delete",
    ]
    body = policy(project)
    body["policy"]["states"][1]["actions"] = [{"read_only": {}}]
    body["policy"]["states"][1]["transitions"] = [{"state_name": "delete", "conditions": {"min_size": "1gb"}}]
    write(project, body)
    told = run("policies", "explain", "livedex-metrics").output
    assert "read only (no more events from here on)" in told
    assert "but to delete when min_size 1gb, whenever that is" in told
    assert "never deleted by age" in told
    found = json.loads(run("policies", "explain", "--json").output)
    assert (found["livedex-metrics"]["readOnly"], found["livedex-metrics"]["deleted"]) == (2.0, None)
    assert found["livedex-events"]["deleted"] == 14.0


@pytest.mark.usefixtures("project")
def test_a_policy_that_there_is_not_is_said_with_those_there_are() -> None:
    assert "there are livedex-events, livedex-metrics" in str(run("policies", "explain", "x").exception)


# --- a cluster --------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_without_a_cluster_the_commands_say_how_to_have_one() -> None:
    for command in ("plan", "apply", "retire"):
        shown = run(command)
        assert isinstance(shown.exception, StackError)
        assert "livedex up" in str(shown.exception)


def test_another_cluster_is_reached_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEDEX_OPENSEARCH_AUTH", "basic")
    found = clusters.find(Target.AWS, "livedex", "https://search.example.com")
    assert (found.target, found.opensearch_auth, found.opensearch_url) == (
        "aws",
        "basic",
        "https://search.example.com",
    )


def test_a_plan_is_shown_made_and_then_there_is_nothing_to_change(
    project: Path, stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stack.folder)
    template = project / "index_templates/livedex-events.json"
    template.rename(template.with_name("cli-test.json"))
    with urllib3.PoolManager() as http:
        for path in ("_index_template/cli-test", "_index_template/livedex-events"):
            http.request("DELETE", f"{stack.opensearch}/{path}")
        try:
            shown = run("plan")
            assert "create index template cli-test" in shown.output
            assert '+   "priority": 200' in shown.output
            assert "skip policy livedex-events, policy livedex-metrics: this cluster has no" in shown.output
            planned = json.loads(run("plan", "--json").output)
            assert ("cli-test", "create") in [(each["name"], each["action"]) for each in planned["changes"]]

            done = json.loads(run("apply", "--json").output)
            assert "index template cli-test" in done["created"]
            assert "Nothing to change; 3 are as they should be." in run("plan").output
            assert run("apply").output.startswith("Nothing to change; this cluster has no Index State")
            assert "no-ism" in str(run("apply", "--require-ism").exception)

            old = {"mappings": {"properties": {name: {"type": "keyword"} for name in OURS}}}
            http.request(
                "PUT",
                f"{stack.opensearch}/events-2001.01.01",
                body=json.dumps(old),
                headers={"content-type": "application/json"},
            )
            assert "events-2001.01.01" in run("retire").output
            assert json.loads(run("retire", "--json").output)["deleted"] == []
        finally:
            for path in ("_index_template/cli-test", "events-2001.01.01"):
                http.request("DELETE", f"{stack.opensearch}/{path}")
            template.with_name("cli-test.json").rename(template)
            run("apply")  # the node is not this test's alone
