"""The story of connecting, over memory adapters and real tokens."""

from __future__ import annotations

from functools import partial
from typing import Any

import jwt
import pytest

from pipeline import connecting, settings
from pipeline.adapters import tokens
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from pipeline.core.errors import Refused
from tests.examples import ENDPOINT, NOW, channel, connection

SECRET = "a development secret of 32 bytes or more"  # noqa: S105 - no secret of anything
FAR = 4_102_444_800
"""2100, in seconds: PyJWT reads the real clock."""

SETTINGS = settings.read(
    {
        "LIVEDEX_TARGET": "local",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "LIVEDEX_DEVELOPMENT_SECRET": SECRET,
        "LIVEDEX_TENANCY": "required",
    }
)


def token(**claims: Any) -> str:  # noqa: ANN401 - JSON values
    fields = {"iss": "livedex-local", "aud": "livedex", "sub": "ann", "tenant": "acme", "exp": FAR, **claims}
    return jwt.encode({name: value for name, value in fields.items() if value is not None}, SECRET, "HS256")


class World:
    def __init__(self) -> None:
        self.clock = MemoryClock()
        self.table = MemoryConnectionTable(self.clock)
        given: dict[str, Any] = {
            "tokens": tokens.connect(SETTINGS),
            "table": self.table,
            "clock": self.clock,
            "tenancy": "required",
            "tenant_claim": "tenant",
        }
        self.issue = partial(connecting.issue_ticket, new_ticket=lambda: "a ticket", **given)
        self.admit = partial(connecting.admit, allowed_origins=("https://app.example.com",), **given)


@pytest.fixture
def world() -> World:
    return World()


def test_a_token_buys_a_ticket_that_admits_its_principal(world: World) -> None:
    ticket, expires = world.issue({"Authorization": f"Bearer {token()}"})

    principal = world.admit({}, {"ticket": ticket})

    assert (principal.tenant, principal.subject, principal.expires) == ("acme", "ann", FAR * 1000)
    assert expires == NOW + 30_000


def test_a_ticket_admits_once(world: World) -> None:
    ticket, _ = world.issue({"authorization": f"Bearer {token()}"})
    world.admit({}, {"ticket": ticket})

    with pytest.raises(Refused, match="used up"):
        world.admit({}, {"ticket": ticket})


def test_a_ticket_ends_after_thirty_seconds(world: World) -> None:
    ticket, _ = world.issue({"authorization": f"Bearer {token()}"})
    world.clock.sleep(30)

    with pytest.raises(Refused, match="unauthorized"):
        world.admit({}, {"ticket": ticket})


def test_a_token_may_also_connect_by_itself(world: World) -> None:
    assert world.admit({"Authorization": f"Bearer {token()}"}, {}).tenant == "acme"


@pytest.mark.parametrize(
    ("claims", "named"),
    [
        ({"exp": 1}, "expired"),
        ({"aud": "somebody else"}, "[Aa]udience"),
        ({"iss": "somebody else"}, "[Ii]ssuer"),
        ({"sub": None}, "sub"),
        ({"tenant": None}, "tenant"),
        ({"nbf": FAR}, "not yet valid"),
    ],
)
def test_a_token_that_does_not_hold_is_refused_by_name(
    world: World, claims: dict[str, Any], named: str
) -> None:
    with pytest.raises(Refused, match=named):
        world.issue({"authorization": f"Bearer {token(**claims)}"})


def test_a_token_that_chooses_its_own_algorithm_is_refused(world: World) -> None:
    unsigned = jwt.encode({"sub": "ann", "exp": FAR, "iss": "livedex-local", "aud": "livedex"}, None, "none")

    with pytest.raises(Refused, match="unauthorized"):
        world.issue({"authorization": f"Bearer {unsigned}"})


def test_a_ticket_is_no_way_to_another_ticket(world: World) -> None:
    with pytest.raises(Refused, match="unauthorized"):
        world.issue({})


def test_a_page_of_another_origin_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="forbidden-origin"):
        world.admit({"Origin": "https://evil.example.com", "Authorization": f"Bearer {token()}"}, {})


def test_a_connection_is_remembered_until_it_is_closed(world: World) -> None:
    ann = connection()
    connecting.connect("ann", ENDPOINT, ann.principal, table=world.table)
    world.table.subscribe(ann, channel({}), NOW)
    assert world.table.connection("ann") == ann

    connecting.disconnect("ann", table=world.table)

    assert world.table.connection("ann") is None
    assert not world.table.members(channel({}), NOW)
