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
            attributes='{ latencyMs = { path = "timings.totalMs", type = "number" }, sku = "lines.0.sku" }',
            message='"{operation} took {timings.totalMs} ms"',
            delta='["amount"]',
            index="false",
            announce_replays="true",
            retention_days="30",
            lateness_days="3",
        )
    ).ordered
    assert written == Route(
        source="payments",
        family="metrics",
        detail_types=("PaymentFailed",),
        identity=("paymentId", "attempt"),
        occurred="occurredAt",
        tenant="merchantId",
        attributes=(("latencyMs", "timings.totalMs"), ("sku", "lines.0.sku")),
        message="{operation} took {timings.totalMs} ms",
        delta=("amount",),
        index=False,
        announce_replays=True,
        retention_days=30,
        lateness_days=3,
        kinds=(("latencyMs", "number"),),
    )


def test_an_event_is_taken_until_a_day_before_its_index_is_deleted_if_the_route_does_not_say_less() -> None:
    assert [each.lateness for each in route.routes(table(retention_days="30")).ordered] == [29, 13]


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
        (table(foo="1"), "'foo': no key of a route; perhaps you mean 'source', 'family', 'detail-type'"),
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
        (table(retention_days="1"), "write it as in retention-days = 14."),
        (table(detail_type='[""]'), "'detail-type': String should have at least 1 character"),
        (table(lateness_days="0"), "'lateness-days': Input should be greater than or equal to 1; it is 0"),
        (table(lateness_days="14"), "'lateness-days': it must be less than 'retention-days', 14"),
        (
            table(retention_days="30", lateness_days="30"),
            "'lateness-days': it must be less than 'retention-days', 30",
        ),
        (
            table(retention_days='"30"', lateness_days="29"),
            "'retention-days': Input should be a valid integer; it is '30'",
        ),
        (table(message='"a..b"'), "'message': a path is one or more keys"),
        (table(message='"{a..b} took"'), "'message': '{a..b}' holds no path: write one, such as {timings"),
        (table(message='"{a took"'), "'message': a lone '{': write {path}, or the brace twice"),
        (table(attributes="{ a = 1 }"), "'attributes.a': an attribute is a path, such as 'timings.totalMs'"),
        (table(attributes="{ a = { path = 1 } }"), "'attributes.a': Input should be a valid string; it is 1"),
        (table(attributes="{ a = { type = 'number' } }"), "'attributes.a.path': missing; an attribute has"),
        (
            table(attributes="{ a = { path = 'a', type = 'double' } }"),
            "'attributes.a.type': an attribute is one of 'text', 'number', 'boolean', 'time'; it is 'double'",
        ),
        (
            table(attributes="{ a = { path = 'a', kind = 'text' } }"),
            "'attributes.a.kind': no key of an attribute; it has a 'path', and may have a 'type'",
        ),
        (table(attributes='"a"'), 'write it as in attributes = { service = "service", latencyMs'),
    ],
)
def test_a_mistake_is_told_with_file_route_key_and_way_out(text: str, told: str) -> None:
    assert told in mistakes(text)


@pytest.mark.parametrize("name", sorted(COMMON_FIELDS - {"@timestamp", "@ingested"}))
def test_no_attribute_takes_the_name_of_a_common_field(name: str) -> None:
    assert "choose another name" in mistakes(table(attributes=f'{{ {name} = "a" }}'))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "or _;"),
        (".a", "such as 'a'"),
        ("a.", "such as 'a'"),
        ("a..b", "such as 'a_b'"),
        ("http.status-code", "such as 'http_status_code'"),
        ("9", "or _;"),
        ("x" * 101, f"such as '{'x' * 100}'"),
    ],
)
def test_no_attribute_has_a_name_that_opensearch_refuses_or_reads_as_an_object(name: str, hint: str) -> None:
    told = mistakes(table(attributes=f'{{ "{name}" = "a" }}'))
    assert told.startswith(f"my.toml: route 1: 'attributes.{name}': '{name}' cannot name an attribute")
    assert hint in told


def test_what_was_written_is_shown_in_part_when_it_is_long() -> None:
    assert len(mistakes(table(index=f'"{"x" * 10_000}"'))) < 300


def test_all_mistakes_are_told_at_once() -> None:
    assert len(mistakes(table(family='"A"', index='"no"') + table(tenant="1")).splitlines()) == 3


def test_two_routes_cannot_take_the_same_events() -> None:
    text = table(source='["a", "b"]', detail_type='["X", "Y"]') + table(
        source='"b"', detail_type='["Y", "Z"]'
    )
    assert mistakes(text) == (
        "my.toml: route 2: 'source': 'b' with detail-type 'Y' is already in route 1: "
        "take it out of one of them, or tell them apart by 'detail-type'."
    )
    assert "with no detail-type is already in route 1" in mistakes(table() + table())


def test_a_family_is_deleted_at_one_age() -> None:
    assert "route 2: 'retention-days': 14, but 9 in route 1" in mistakes(
        table(retention_days="9") + table(source='"b"')
    )
    assert "9, but 14 in the built-in catch-all" in mistakes(table(family='"events"', retention_days="9"))


def test_an_attribute_is_of_one_type_in_a_family() -> None:
    def typed(kind: str, **keys: str) -> str:
        return table(attributes=f"{{ a = {{ path = 'a', type = '{kind}' }} }}", **keys)

    assert "route 2: 'attributes.a.type': 'number', but 'text' in route 1: family 'metrics'" in mistakes(
        typed("text") + typed("number", source='"b"')
    )
    elsewhere = typed("number", source='"b"', family='"other"')
    unsaid = table(source='"c"', attributes='{ a = "x", b = "y" }')
    kinds = {each.source: each.kinds for each in route.routes(unsaid + typed("text") + elsewhere).ordered}
    assert kinds == {"payments": (("a", "text"),), "b": (("a", "number"),), "c": (), "*": ()}


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


def test_each_route_says_which_events_it_takes_in_the_order_in_which_they_are_asked() -> None:
    routes = families(("*", "[]", "all"), ("shop.*", '["A", "B"]', "shop"), ("pay", "[]", "pay"))
    assert [(each.number, each.takes, each.why) for each in route.considered("shop.x", "B", routes)] == [
        (3, False, "it takes source 'pay' only"),
        (2, True, "it takes sources that begin with 'shop.' of detail-type 'A' or 'B'"),
        (1, True, "it takes any source"),
        (0, True, "it takes any source"),
    ]
    assert not route.considered("shop.x", "C", routes)[1].takes


@given(st.lists(st.tuples(some.words, st.booleans()), max_size=5, unique=True), some.words, some.words)
def test_the_first_that_takes_an_event_is_the_one_chosen(
    written: list[tuple[str, bool]], source: str, detail_type: str
) -> None:
    routes = families(*((name + "*" * is_prefix, "[]", "metrics") for name, is_prefix in written))
    first = next(each for each in route.considered(source, detail_type, routes) if each.takes)
    assert first.route is route.choose(event(source, detail_type), routes)


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
