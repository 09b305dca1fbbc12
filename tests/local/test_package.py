from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.decode import decode

from pipeline.local import archive, bases, package, places
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {
    "LIVEDEX_TARGET": "aws",
    "LIVEDEX_OPENSEARCH_URL": "https://search.example.com",
    "LIVEDEX_OPENSEARCH_AUTH": "es",
    "LIVEDEX_DELTAS_BUS": "deltas",
    "LIVEDEX_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/queue",
    "LIVEDEX_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/dead",
    "LIVEDEX_TABLE": "table",
    "LIVEDEX_JWKS_URL": "https://issuer.example.com/jwks.json",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}

ELF_ARM64 = 183
"""``e_machine`` of a shared library for ARM64: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html"""

MAKE_STORY = """
import importlib, json, sys
sys.path[:] = [path for path in sys.path if "site-packages" not in path] + [sys.argv[1]]
module = importlib.import_module(sys.argv[2])
assert callable(module.handler)
module.story()
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
outside = [file for file in files if "site-packages" in file]
assert not outside, outside
"""


def functions() -> dict[str, dict[str, Any]]:
    template, _ = decode(str(places.PROJECT / "template.yaml"))
    resources = template["Resources"]
    return {
        name: each["Properties"] for name, each in resources.items() if each["Type"].endswith("::Function")
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, package.Package]:
    folder = tmp_path_factory.mktemp("zips")
    return {each.group: each for each in package.build("local", folder, print)}


@pytest.mark.parametrize("function", functions())
def test_a_handler_and_its_story_need_nothing_outside_their_zip(
    function: str, built: dict[str, package.Package], tmp_path: Path
) -> None:
    properties = functions()[function]
    module, _, handler = properties["Handler"].rpartition(".")
    with zipfile.ZipFile(built[properties["CodeUri"].removesuffix(".zip")].file) as zipped:
        zipped.extractall(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", MAKE_STORY, tmp_path, module],
        env=SETTINGS | {"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, handler) == (0, "handler"), ended.stderr


def test_every_zip_that_the_template_names_is_built_and_none_else(built: dict[str, package.Package]) -> None:
    assert {each["CodeUri"] for each in functions().values()} == {f"{group}.zip" for group in built}


def test_a_handler_travels_in_its_own_group_only(built: dict[str, package.Package]) -> None:
    wanted: dict[str, set[str]] = {}
    for each in functions().values():
        module = each["Handler"].removesuffix(".handler").replace(".", "/") + ".py"
        wanted.setdefault(each["CodeUri"].removesuffix(".zip"), set()).add(module)
    handlers = set().union(*wanted.values())
    assert {group: handlers & names(each) for group, each in built.items()} == wanted


def test_no_zip_carries_what_no_function_runs(built: dict[str, package.Package]) -> None:
    unwanted = (
        "pipeline/local/",
        "pipeline/cli/",
        "pipeline/client/",
        "grpc/",
        "google/protobuf/",
        "boto3/data/",
    )
    for each in built.values():
        assert not [name for name in names(each) if name.startswith(unwanted)]


def test_only_the_services_that_a_group_calls_have_their_models(built: dict[str, package.Package]) -> None:
    services = {group.name: set(group.services) for group in package.GROUPS}
    found = {
        group: {
            name.split("/")[2]
            for name in names(each)
            if name.startswith("botocore/data/") and name.count("/") > 2
        }
        for group, each in built.items()
    }
    assert found == services


def test_routes_templates_and_policies_travel_in_every_zip(built: dict[str, package.Package]) -> None:
    policies = {f"ism_policies/{file.name}" for file in (places.PROJECT / "ism_policies").glob("*.json")}
    templates = {
        f"index_templates/{file.name}" for file in (places.PROJECT / "index_templates").glob("*.json")
    }
    for each in built.values():
        assert {"routes.toml"} | policies | templates <= names(each)


def test_packages_for_aws_are_small_and_of_arm64_on_any_machine(tmp_path: Path) -> None:
    try:
        built = package.build("aws", tmp_path, print)
    except StackError as trouble:
        pytest.skip(f"the wheels for Lambda cannot be had: {trouble}")
    machines = {
        (name.rpartition("/")[2], int.from_bytes(zipped.read(name)[18:20], "little"))
        for each in built
        for zipped in [zipfile.ZipFile(each.file)]
        for name in zipped.namelist()
        if name.endswith(".so")
    }
    assert {machine for _, machine in machines} == {ELF_ARM64}
    assert {"orjson", "_rust", "_cffi_backend"} <= {name.partition(".")[0] for name, _ in machines}
    assert {each.group: each.bytes for each in built if each.bytes > package.MAX_ZIP} == {}
    assert not [name for each in built for name in names(each) if name.endswith(".pyc")], (
        "not of Lambda's Python"
    )


def test_the_same_content_gives_the_same_bytes_whatever_the_files_say(tmp_path: Path) -> None:
    base, early, late = tmp_path / "base.zip", tmp_path / "early.zip", tmp_path / "late.zip"
    content = {name: tmp_path / name for name in ("b.py", "a.py")}
    for file in content.values():
        file.write_text(file.name, encoding="utf-8")
    archive.write(base, {"lib.py": content["a.py"]})
    archive.write(early, content, base)
    for file in content.values():
        os.utime(file, (1, 1))
        file.chmod(0o600)
    archive.write(late, dict(reversed(content.items())), base)
    assert archive.fingerprint(early) == archive.fingerprint(late)
    with zipfile.ZipFile(late) as zipped:
        assert zipped.namelist() == ["lib.py", "a.py", "b.py"]
        assert {entry.external_attr >> 16 & 0o777 for entry in zipped.infolist()} == {0o644}


def test_a_file_that_changes_changes_the_fingerprint(tmp_path: Path) -> None:
    file, zipped = tmp_path / "a.py", tmp_path / "a.zip"
    found = []
    for content in ("one", "two"):
        file.write_text(content, encoding="utf-8")
        archive.write(zipped, {"a.py": file})
        found.append(archive.fingerprint(zipped))
    assert found[0] != found[1]


def test_a_failed_write_leaves_the_old_archive_and_nothing_else(tmp_path: Path) -> None:
    zipped = tmp_path / "a.zip"
    zipped.write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        archive.write(zipped, {"a.py": tmp_path / "absent"})
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.zip", b"old")]


def test_a_package_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lambda-gate.txt").write_text("orjson==0.0.1 \\\n    --hash=sha256:00\n", encoding="utf-8")
    monkeypatch.setattr(places, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(bases, "KEPT", tmp_path / "kept")
    with pytest.raises(StackError, match=r"orjson 0\.0\.1 is wanted"):
        bases.make("local", {"gate": ()}, print)


def names(built: package.Package) -> set[str]:
    with zipfile.ZipFile(built.file) as zipped:
        return set(zipped.namelist())
