"""What ``livedex delete --purge`` takes out of a real cluster, and what it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from pipeline.adapters.opensearch_wire import wire
from pipeline.core.errors import Unavailable
from pipeline.local import places, purge
from pipeline.settings import Settings, read

if TYPE_CHECKING:
    from pathlib import Path


def settings(url: str) -> Settings:
    return read({"LIVEDEX_TARGET": "aws", "LIVEDEX_OPENSEARCH_URL": url})


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A family of this test's own, with the files of a project that has no other."""
    family = f"purge{uuid4().hex[:8]}"
    bodies = {
        f"index_templates/{family}-common.json": {"template": {"settings": {"number_of_replicas": 0}}},
        f"index_templates/{family}.json": {
            "index_patterns": [f"{family}-*"],
            "composed_of": [f"{family}-common"],
        },
        f"ism_policies/{family}.json": {"policy": {}},
    }
    for name, body in bodies.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(body), encoding="utf-8")
    monkeypatch.setattr(places, "PROJECT", tmp_path)
    return family


def test_indices_and_templates_of_ours_go_and_nothing_else(family: str, opensearch_url: str) -> None:
    cluster = wire(settings(opensearch_url))
    folder = places.PROJECT / "index_templates"
    for kind, name in (("_component_template", f"{family}-common"), ("_index_template", family)):
        body = json.loads((folder / f"{name}.json").read_bytes())
        assert cluster.ask("PUT", f"/{kind}/{name}", body).status == 200
    theirs = f"/{family}-theirs"
    for index in (f"/{family}-2026.11.22", f"/{family}-2026.11.23", theirs):
        assert cluster.ask("PUT", index).status == 200
    try:
        assert purge.purge(settings(opensearch_url)) == [
            f"/{family}-2026.11.22",
            f"/{family}-2026.11.23",
            f"/_index_template/{family}",
            f"/_component_template/{family}-common",
        ]
        assert purge.purge(settings(opensearch_url)) == []
        assert cluster.ask("GET", theirs).status == 200
    finally:
        cluster.ask("DELETE", theirs)
        cluster.close()


@pytest.mark.usefixtures("family")
def test_a_cluster_that_does_not_answer_is_said_to() -> None:
    with pytest.raises(Unavailable):
        purge.purge(settings("http://127.0.0.1:1"))
