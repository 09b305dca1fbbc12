"""``livedex key`` over memory adapters: what it prints, what it keeps, what it closes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from pipeline.cli import endpoints, keys
from pipeline.cli.endpoints import Stack, Target
from pipeline.core import authorize
from pipeline.core.audience import Connection, Principal
from pipeline.core.errors import Refused, Unavailable
from pipeline.local.errors import StackError
from pipeline.settings import read
from pipeline.wiring import adapters
from tests.examples import ENDPOINT

if TYPE_CHECKING:
    from click.testing import Result

    from pipeline.core.audience import ApiKey
    from pipeline.ports.connections import ConnectionTable


def memory(tenancy: str) -> Stack:
    settings = read({"LIVEDEX_TARGET": "memory", "LIVEDEX_TABLE": uuid4().hex, "LIVEDEX_TENANCY": tenancy})
    return Stack(Target.LOCAL, "", {}, settings)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack in memory, of this test alone."""
    found = memory("required")
    monkeypatch.setattr(endpoints, "find", lambda *_: found)
    return found


def table(stack: Stack) -> ConnectionTable:
    return adapters.table(stack.settings)


def kept(stack: Stack) -> list[ApiKey]:
    return list(table(stack).keys())


def key(*words: str) -> Result:
    return CliRunner().invoke(keys.key, words)


def made(*words: str) -> str:
    return key("create", "--tenant", "acme", "--name", "reporter", *words).stdout.strip()


def opened(stack: Stack, text: str, name: str = "ann") -> None:
    principal = Principal(
        "acme", "reporter", adapters.clock(stack.settings).now() + 9_999, authorize.key_hash(text)
    )
    table(stack).connect(Connection(name, ENDPOINT, principal))
    adapters.sockets(stack.settings).open(name, ENDPOINT)  # type: ignore[attr-defined] # memory's own


def test_a_key_is_printed_alone_on_stdout_and_only_its_hash_is_kept(stack: Stack) -> None:
    shown = key("create", "--tenant", "acme", "--name", "reporter", "--days", "30")

    text = shown.stdout.strip()
    (only,) = kept(stack)
    assert authorize.is_key(text)
    assert (only.hash, only.tenant, only.name) == (authorize.key_hash(text), "acme", "reporter")
    assert only.expires - only.created == 30 * 86_400_000
    assert "until 2026-01-31; it is not shown again" in shown.stderr


def test_as_json_a_key_is_printed_with_what_is_kept_of_it(stack: Stack) -> None:
    made_one = json.loads(key("create", "--tenant", "acme", "--name", "reporter", "--json").stdout)

    (listed,) = json.loads(key("list", "--json").stdout)
    assert authorize.is_key(made_one.pop("key"))
    assert made_one == listed
    assert listed["id"] == kept(stack)[0].hash[:12]


def test_no_two_keys_are_alike(stack: Stack) -> None:
    assert len({made() for _ in range(20)}) == 20
    assert len(kept(stack)) == 20


def test_where_tenancy_is_required_a_key_needs_a_tenant(stack: Stack) -> None:
    refused = key("create", "--name", "reporter")
    assert isinstance(refused.exception, StackError)
    assert "--tenant TENANT" in str(refused.exception)
    assert not kept(stack)


def test_where_tenancy_is_single_a_key_is_the_one_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    single = memory("single")
    monkeypatch.setattr(endpoints, "find", lambda *_: single)

    refused = key("create", "--tenant", "acme", "--name", "reporter")
    key("create", "--name", "reporter")

    assert isinstance(refused.exception, StackError)
    assert [each.tenant for each in kept(single)] == ["default"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--tenant", "a\nb", "--name", "x"), "tenant"),
        (("--tenant", "a", "--name", " "), "name"),
        (("--tenant", "a", "--name", "x" * 257), "name"),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused(stack: Stack, words: tuple[str, ...], named: str) -> None:
    refused = key("create", *words)
    assert isinstance(refused.exception, Refused)
    assert f"The {named}" in str(refused.exception)
    assert not kept(stack)


def test_a_list_shows_whose_a_key_is_and_whether_it_holds_but_never_the_key(stack: Stack) -> None:
    texts = [made(), made("--days", "1"), made()]
    key("revoke", texts[2])
    adapters.clock(stack.settings).sleep(86_400)

    lines = key("list").stdout.splitlines()
    fields = json.loads(key("list", "--json").stdout)

    assert lines[0].split() == ["ID", "BEGINS", "TENANT", "NAME", "EXPIRES", "STATE"]
    assert sorted(line.split()[5] for line in lines[1:]) == ["ended", "holds", "revoked"]
    assert {field["begins"] for field in fields} == {text[:12] for text in texts}
    assert not any(text in "\n".join(lines) for text in texts)


def test_without_keys_the_list_says_how_to_make_one(stack: Stack) -> None:  # noqa: ARG001 - it is there
    assert "livedex key create" in key("list").stdout
    assert json.loads(key("list", "--json").stdout) == []


@pytest.mark.parametrize("by", ["id", "begins", "itself"])
def test_a_key_is_revoked_by_any_of_its_names_and_its_connections_are_closed(stack: Stack, by: str) -> None:
    text, other = made(), made()
    opened(stack, text)
    opened(stack, other, "bob")
    names = {"id": authorize.key_hash(text)[:12], "begins": text[:12], "itself": text}

    shown = key("revoke", names[by])

    assert "1 connections closed" in shown.stdout
    revoked = {each.hash: each.revoked is not None for each in kept(stack)}
    assert revoked == {authorize.key_hash(text): True, authorize.key_hash(other): False}
    assert (table(stack).connection("ann"), table(stack).connection("bob") is None) == (None, False)


@pytest.mark.parametrize("named", ["", "abc", "livedex_", "0" * 12, "livedex_" + "x" * 22])
def test_a_key_that_there_is_not_is_not_revoked(stack: Stack, named: str) -> None:
    made()
    refused = key("revoke", named)
    assert isinstance(refused.exception, Refused)
    assert "livedex key list" in str(refused.exception)
    assert [each.revoked for each in kept(stack)] == [None]


def test_a_name_that_means_several_keys_revokes_none(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorize, "HINT", 8)
    hashes = [authorize.key_hash(made())[:12] for _ in range(2)]

    refused = key("revoke", "livedex_")

    assert all(each in str(refused.exception) for each in hashes)
    assert [each.revoked for each in kept(stack)] == [None, None]


def test_connections_that_cannot_be_closed_get_nothing_more_and_are_told_of(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = made()
    opened(stack, text)

    def close(*_: object) -> None:
        raise Unavailable("API Gateway", "not now")

    monkeypatch.setattr(adapters.sockets(stack.settings), "close", close)

    ended = key("revoke", text, "--json")

    assert json.loads(ended.stdout) == {"id": authorize.key_hash(text)[:12], "closed": 0, "left": 1}
    assert isinstance(ended.exception, StackError)
    assert table(stack).connection("ann") is None
