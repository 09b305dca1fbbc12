from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import route
from pipeline.core.model import COMMON_FIELDS, Event, Route
from tests import strategies as some

SHIPPED = Path(__file__).parents[2] / "routes.toml"


def event(source: str, detail_type: str = "Happened") -> Event:
    return Event("1", source, detail_type, some.NOW, {})


def table(**keys: str) -> str:
    keys = {"source": '"payments"', "family": '"metrics"'} | keys
    return (
        "[[route]]\n"
        + "\n".join(f"{name.replace('_', '-')} = {value}" for name, value in keys.items())
        + "\n"
    )


def mistakes(text: str) -> str:
    with pytest.raises(route.RouteError) as refusal:
        route.routes(text, "my.toml")
    assert all(line.startswith("my.toml: ") for line in str(refusal.value).splitlines())
    return str(refusal.value)


# --- the file ---------------------------------------------------------------------------------


def test_the_routes_that_are_shipped_take_the_sample_events() -> None:
    routes = route.routes(SHIPPED.read_text())
    for source in ("payments", "checkout", "inventory", "auth"):
        chosen = route.choose(event(source), routes)
        assert (chosen.family, chosen.identity, chosen.tenant) == ("metrics", ("eventId",), "tenant")
    assert routes.families == {"metrics", "events"}
    assert routes.attributes == {"service", "operation", "severity", "status", "region", "latencyMs"}


def test_every_key_of_a_table_reaches_the_route() -> None:
    [written, _] = route.routes(
        table(
            detail_type='["PaymentFailed"]',
            identity='["paymentId", "attempt"]',
            occurred='"occurredAt"',
            tenant='"merchantId"',
            attributes='{ latencyMs = "timings.totalMs" }',
            message='"summary"',
            delta='["amount"]',
            index="false",
            announce_replays="true",
            retention_days="30",
        )
    ).ordered
    assert written == Route(
        source="payments",
        family="metrics",
        detail_types=("PaymentFailed",),
        identity=("paymentId", "attempt"),
        occurred="occurredAt",
        tenant="merchantId",
        attributes=(("latencyMs", "timings.totalMs"),),
        message="summary",
        delta=("amount",),
        index=False,
        announce_replays=True,
        retention_days=30,
    )


def test_one_name_needs_no_list() -> None:
    one = route.routes(table(detail_type='"X"', identity='"a"', delta='"b"'))
    assert one == route.routes(
        table(source='["payments"]', detail_type='["X"]', identity='["a"]', delta='["b"]')
    )


def test_an_empty_file_leaves_the_catch_all() -> None:
    assert route.routes("").ordered == (route.CATCH_ALL,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a =", "my.toml: no TOML: Invalid value"),
        ("x = 1", "my.toml: 'x': a routes file holds [[route]] tables"),
        ("[route]\nsource = 'a'", "my.toml: 'route': a routes file holds [[route]] tables"),
        ("route = [1]", "my.toml: 'route': a routes file holds [[route]] tables"),
        ("[[route]]\nfamily = 'a'", "route 1: 'source': missing; every route has a source and a family"),
        (table() + "[[route]]\nsource = 'a'", "route 2: 'family': missing"),
        (table(detial_type="[]"), "'detial-type': no key of a route; perhaps you mean 'detail-type'"),
        (table(foo="1"), "'foo': no key of a route; perhaps you mean 'source', 'detail-type', 'family'"),
        (table(source='"a*b"'), "'source': a source is exact ('payments') or a prefix"),
        (table(source='""'), "'source': a source is exact"),
        (table(source="[]"), "'source': Value should have at least 1 item"),
        (table(source="[1]"), "'source': Input should be a valid string; it is 1"),
        (table(family='"Metrics"'), "'family': a family begins index names: a lower-case letter"),
        (
            table(family='"metrics-eu"'),
            "no hyphen, or the pattern 'a-*' would also take the indices of 'a-b'",
        ),
        (table(family='"_metrics"'), "'family': a family begins index names"),
        (table(family=f'"{"a" * 101}"'), "'family': a family begins index names"),
        (table(occurred='"a..b"'), "'occurred': a path is one or more keys with dots between"),
        (table(identity='["a", ""]'), "'identity': a path is one or more keys"),
        (table(identity="5"), "'identity': Input should be a valid list; it is 5"),
        (table(attributes='{ tenant = "t" }'), "'attributes.tenant': 'tenant' is a field of every document"),
        (table(attributes='{ family = "f" }'), "'attributes.family': 'family' is a field of every document"),
        (table(attributes='{ "a.b" = "a" }'), "'attributes.a.b': 'a.b' cannot name an attribute"),
        (table(attributes='{ _id = "a" }'), "'attributes._id': '_id' cannot name an attribute"),
        (table(attributes='{ a = ".a" }'), "'attributes.a': a path is one or more keys"),
        (table(index='"no"'), "'index': Input should be a valid boolean; it is 'no'"),
        (table(retention_days="1"), "'retention-days': Input should be greater than or equal to 2; it is 1"),
        (table(detail_type='[""]'), "'detail-type': String should have at least 1 character"),
    ],
)
def test_a_mistake_is_told_with_file_route_key_and_way_out(text: str, told: str) -> None:
    assert told in mistakes(text)


@pytest.mark.parametrize("name", sorted(COMMON_FIELDS - {"@timestamp", "@ingested"}))
def test_no_attribute_takes_the_name_of_a_common_field(name: str) -> None:
    assert "choose another name" in mistakes(table(attributes=f'{{ {name} = "a" }}'))


def test_all_mistakes_are_told_at_once() -> None:
    assert len(mistakes(table(family='"A"', index='"no"') + table(tenant="1")).splitlines()) == 3


def test_two_routes_cannot_take_the_same_events() -> None:
    text = table(source='["a", "b"]', detail_type='["X", "Y"]') + table(
        source='"b"', detail_type='["Y", "Z"]'
    )
    assert mistakes(text) == "my.toml: route 2: source 'b' with detail-type 'Y' is already in route 1."
    assert "with no detail-type is already in route 1" in mistakes(table() + table())


def test_a_family_is_deleted_at_one_age() -> None:
    assert "'retention-days' is 14, but 9 in route 1" in mistakes(
        table(retention_days="9") + table(source='"b"')
    )
    assert "but 14 in the built-in catch-all" in mistakes(table(family='"events"', retention_days="9"))


# --- the choice -------------------------------------------------------------------------------


def families(*tables: tuple[str, str, str]) -> route.Routes:
    return route.routes(
        "".join(
            table(source=f'"{source}"', detail_type=types, family=f'"{name}"')
            for source, types, name in tables
        )
    )


def test_an_exact_source_comes_before_a_longer_prefix_before_a_shorter_one_before_the_catch_all() -> None:
    routes = families(
        ("*", "[]", "all"), ("shop.*", "[]", "shop"), ("shop.pay*", "[]", "pay"), ("shop.pay", "[]", "exact")
    )
    assert route.choose(event("shop.pay"), routes).family == "exact"
    assert route.choose(event("shop.payments"), routes).family == "pay"
    assert route.choose(event("shop.stock"), routes).family == "shop"
    assert route.choose(event("other"), routes).family == "all"
    assert route.choose(event("other"), route.routes("")) == route.CATCH_ALL


def test_a_route_that_names_the_detail_type_comes_before_the_one_that_takes_all() -> None:
    routes = families(("shop", "[]", "rest"), ("shop", '["Paid"]', "paid"), ("sh*", '["Sent"]', "sent"))
    assert route.choose(event("shop", "Paid"), routes).family == "paid"
    assert route.choose(event("shop", "Sent"), routes).family == "rest"
    assert route.choose(event("shed", "Sent"), routes).family == "sent"
    assert route.choose(event("shed", "Paid"), routes) == route.CATCH_ALL


def test_an_event_with_no_route_goes_to_the_family_events_with_its_own_tenant() -> None:
    chosen = route.choose(event("nobody.knows"), route.routes(table()))
    assert (chosen.family, chosen.identity, chosen.occurred, chosen.tenant) == ("events", (), None, "tenant")


def test_a_choice_is_remembered_but_made_up_sources_cannot_fill_the_memory() -> None:
    routes = route.routes(table())
    chosen = route.choose(event("payments"), routes)
    assert route.choose(event("payments"), routes) is chosen
    assert route.find("payments", "Happened", routes) is chosen
    for number in range(route.REMEMBERED + 10):
        assert route.choose(event(f"made-up-{number}"), routes) is route.CATCH_ALL
    assert len(routes.remembered) == route.REMEMBERED


def test_what_was_remembered_is_no_part_of_the_value() -> None:
    fresh, used = route.routes(table()), route.routes(table())
    route.choose(event("payments"), used)
    assert fresh == used


@given(st.lists(st.tuples(some.words, st.booleans()), max_size=5, unique=True), some.words)
def test_the_chosen_route_is_the_longest_that_fits(written: list[tuple[str, bool]], source: str) -> None:
    names = [name + "*" * is_prefix for name, is_prefix in written]
    routes = families(*((name, "[]", "metrics") for name in names))
    fitting = [
        name for name in names if name == source or (name.endswith("*") and source.startswith(name[:-1]))
    ]
    best = source if source in fitting else max(fitting, key=len, default="*")
    assert route.choose(event(source), routes).source == best
