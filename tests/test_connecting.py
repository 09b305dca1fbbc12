"""The story of connecting, over memory adapters and real tokens."""

from __future__ import annotations

from functools import partial
from typing import Any

import jwt
import pytest

from pipeline import connecting, keeping_keys, settings
from pipeline.adapters import tokens
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable, MemorySockets
from pipeline.core.audience import ApiKey, Principal
from pipeline.core.errors import Refused
from pipeline.core.limits import Limits
from pipeline.limiting import Limiter
from pipeline.recognising import Gate
from tests.examples import ENDPOINT, LIMITS, NOW, channel, connection

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
    def __init__(self, limits: Limits = LIMITS) -> None:
        self.clock = MemoryClock()
        self.table = MemoryConnectionTable(self.clock)
        self.sockets = MemorySockets()
        self.limiter = Limiter(limits)
        gate = Gate(tokens.connect(SETTINGS), self.table, self.clock, "required", "tenant")
        self.issue = partial(
            connecting.issue_ticket, gate=gate, limiter=self.limiter, new_ticket=lambda: "a ticket"
        )
        self.admit = partial(connecting.admit, gate=gate, allowed_origins=("https://app.example.com",))

    def connect(self, name: str, principal: Principal | None = None) -> None:
        connecting.connect(
            name,
            ENDPOINT,
            principal or connection(name).principal,
            table=self.table,
            limiter=self.limiter,
            clock=self.clock,
        )
        self.sockets.open(name, ENDPOINT)

    def key(self, tenant: str = "acme") -> tuple[str, ApiKey]:
        return keeping_keys.create(
            tenant, "reporter", 1, table=self.table, clock=self.clock, new_key=lambda: "livedex_" + "k" * 22
        )

    def revoke(self, key: ApiKey) -> keeping_keys.Revoked:
        return keeping_keys.revoke(key, table=self.table, sockets=self.sockets, clock=self.clock)


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


def test_a_ticket_is_no_way_to_another_ticket(world: World) -> None:
    with pytest.raises(Refused, match="unauthorized"):
        world.issue({})


def test_a_page_of_another_origin_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="forbidden-origin"):
        world.admit({"Origin": "https://evil.example.com", "Authorization": f"Bearer {token()}"}, {})


def test_a_refused_page_does_not_use_up_the_ticket(world: World) -> None:
    ticket, _ = world.issue({"authorization": f"Bearer {token()}"})
    with pytest.raises(Refused, match="forbidden-origin"):
        world.admit({"Origin": "https://evil.example.com"}, {"ticket": ticket})

    assert world.admit({"Origin": "https://app.example.com"}, {"ticket": ticket}).subject == "ann"


def test_a_connection_is_remembered_until_it_is_closed(world: World) -> None:
    world.connect("ann")
    ann = world.table.connection("ann")
    assert ann is not None
    assert (ann.endpoint, ann.principal) == (ENDPOINT, connection().principal)
    world.table.subscribe(ann, channel({}), NOW)

    connecting.disconnect("ann", table=world.table)

    assert world.table.connection("ann") is None
    assert not world.table.members(channel({}), NOW)


# --- API keys ---------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_kept_as_its_hash_alone(world: World) -> None:
    text, key = world.key()

    assert text not in repr(list(world.table.keys()))
    assert (key.hint, key.created, key.expires) == ("livedex_kkkk", NOW, NOW + 86_400_000)


def test_a_key_admits_and_buys_tickets_as_its_tenant(world: World) -> None:
    text, key = world.key("globex")

    ticket, _ = world.issue({"X-Api-Key": text})

    expected = Principal("globex", "reporter", key.expires, key.hash)
    assert world.admit({"x-api-key": text}, {}) == world.admit({}, {"ticket": ticket}) == expected


@pytest.mark.parametrize(
    "text",
    [
        "livedex_" + "x" * 22,
        "livedex_" + "k" * 21,
        "k" * 22,
        "livedex_" + "k" * 22 + "k",
        "\ud800",
        "x" * 9_000,
    ],
)
def test_what_is_no_key_is_refused(world: World, text: str) -> None:
    world.key()
    with pytest.raises(Refused, match="unknown"):
        world.issue({"x-api-key": text})


def test_a_key_ends(world: World) -> None:
    text, _ = world.key()
    world.clock.sleep(86_400)
    with pytest.raises(Refused, match="has ended"):
        world.issue({"x-api-key": text})


def test_a_revoked_key_opens_nothing_and_neither_does_a_ticket_it_bought_before(world: World) -> None:
    text, key = world.key()
    ticket, _ = world.issue({"x-api-key": text})

    world.revoke(key)

    with pytest.raises(Refused, match="revoked"):
        world.issue({"x-api-key": text})
    with pytest.raises(Refused, match="revoked"):
        world.admit({}, {"ticket": ticket})


def test_a_revocation_closes_what_the_key_opened_and_nothing_else(world: World) -> None:
    text, key = world.key()
    by_key = world.admit({"x-api-key": text}, {})
    world.connect("by-key", by_key)
    world.connect("by-token")
    opened = world.table.connection("by-key")
    assert opened is not None
    world.table.subscribe(opened, channel({}), NOW)

    revoked = world.revoke(key)

    assert (revoked.closed, revoked.left) == (1, 0)
    assert world.table.connection("by-key") is None
    assert world.table.members(channel({}), NOW) == []
    assert world.table.connection("by-token") is not None


@pytest.mark.parametrize("days", [0, -1, 3_651])
def test_a_key_lives_from_a_day_to_ten_years(world: World, days: int) -> None:
    with pytest.raises(Refused, match="from 1 to 3650 days"):
        keeping_keys.create(
            "acme", "reporter", days, table=world.table, clock=world.clock, new_key=lambda: "livedex_x"
        )
    assert not list(world.table.keys())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_that_opens_while_its_key_is_revoked_does_not_stay(world: World, moment: str) -> None:
    """Before or after its row is written: one of the two sees what the other did."""
    text, key = world.key()
    principal = world.admit({"x-api-key": text}, {})
    write = world.table.connect

    def connect(opening: Any) -> None:  # noqa: ANN401 - a connection
        if moment == "before":
            world.revoke(key)
        write(opening)
        if moment == "after":
            world.revoke(key)

    world.table.connect = connect  # type: ignore[method-assign]

    with pytest.raises(Refused, match="revoked"):
        world.connect("late", principal)

    assert world.table.connection("late") is None


# --- limits -----------------------------------------------------------------------------------

THREE = Limits(connections=3, channels=10, subscriptions=10, subscribes=10, hits=10)


def test_a_tenant_has_no_more_connections_than_it_may_and_others_have_theirs() -> None:
    world = World(THREE)
    for name in ("one", "two", "three"):
        world.connect(name)

    with pytest.raises(Refused, match="too-many-connections"):
        world.connect("four")

    assert world.table.connection("four") is None
    world.connect("other", connection("other", tenant="globex").principal)


def test_who_leaves_makes_room(world: World) -> None:
    world = World(THREE)
    for name in ("one", "two", "three"):
        world.connect(name)
    connecting.disconnect("two", table=world.table)
    world.clock.sleep(1)

    world.connect("four")

    assert world.table.connection("four") is not None


def test_connections_that_another_process_let_in_are_counted_within_seconds() -> None:
    world = World(THREE)
    world.connect("one")
    for name in ("two", "three"):
        world.table.connect(connection(name))
    world.clock.sleep(5)

    with pytest.raises(Refused, match="too-many-connections"):
        world.connect("four")


def test_connections_whose_token_has_ended_are_not_counted() -> None:
    world = World(THREE)
    for name in ("one", "two", "three"):
        world.connect(name, connection(name, expires=NOW + 500).principal)
    world.clock.sleep(1)

    world.connect("four")

    assert world.table.connection("four") is not None


def test_a_tenant_that_is_full_gets_no_ticket_and_is_told_why() -> None:
    world = World(THREE)
    for name in ("one", "two", "three"):
        world.connect(name)

    with pytest.raises(Refused, match="has 3 open connections") as refused:
        world.issue({"authorization": f"Bearer {token()}"})

    assert refused.value.wait > 0
