from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import infer, instant, normalise, route
from pipeline.core.model import Event, Route
from tests import strategies as some

if TYPE_CHECKING:
    from pipeline.core.infer import Proposal


def orders(count: int = 40, **keys: Any) -> list[Event]:  # noqa: ANN401 - JSON
    return [
        Event(
            f"envelope-{number}",
            "com.acme.orders",
            "OrderPlaced",
            some.NOW,
            {
                "orderId": f"o-{number}",
                "placedAt": instant.iso(some.NOW - number),
                "tenantId": "acme",
                "status": ["open", "paid"][number % 2],
                "total": number / 4,
                "gift": number % 3 == 0,
                **keys,
            },
        )
        for number in range(count)
    ]


def only(proposals: list[Proposal]) -> tuple[Proposal, Route]:
    """The one proposal and the one route of its one table."""
    (proposal,) = proposals
    [written, _] = route.routes(proposal.toml).ordered
    return proposal, written


def test_a_sample_becomes_a_route_and_the_template_that_holds_its_attributes() -> None:
    proposal, written = only(infer.propose(orders()))
    assert written == Route(
        source="com.acme.orders",
        family="orders",
        identity=("orderId",),
        occurred="placedAt",
        tenant="tenantId",
        attributes=(("status", "status"), ("total", "total"), ("gift", "gift")),
        message="{status}",
        kinds=(("total", "number"), ("gift", "boolean")),
    )
    assert (proposal.family, proposal.file) == ("orders", "index_templates/livedex-orders.json")
    assert proposal.template == {
        "index_patterns": ["orders-*"],
        "priority": 200,
        "composed_of": ["livedex-common"],
        "template": {
            "mappings": {
                "properties": {
                    "status": {"type": "keyword", "ignore_above": 8191},
                    "total": {"type": "double", "ignore_malformed": True},
                    "gift": {"type": "keyword", "ignore_above": 8191},
                }
            }
        },
    }


def test_an_event_that_was_sent_twice_does_not_hide_its_identity() -> None:
    sample = orders()
    again = [replace(event, id="another", time=some.NOW + 1) for event in sample]
    assert infer.propose([*sample, *again]) == infer.propose(sample)


def test_what_the_sample_cannot_tell_is_said() -> None:
    (few,) = infer.propose(orders(3, customerId="c", cartId="k"))
    assert "# It tells the 3 different events of the sample apart, which is few" in few.toml
    (more,) = infer.propose(
        [
            replace(
                event,
                detail={**event.detail, "paymentId": event.detail["orderId"], "at": "2026-11-22T10:00:00Z"},
            )
            for event in orders()
        ]
    )
    assert '# So would ["paymentId"].\nidentity = ["orderId"]' in more.toml
    assert '# Other times that every event has: ["placedAt"].\noccurred = "at"' in more.toml
    (none,) = infer.propose([Event("1", "a", "B", some.NOW, {"n": 1}), Event("2", "a", "B", some.NOW, {})])
    for missing in ("# identity = ", "# occurred = ", "# tenant = "):
        assert missing in none.toml
    [written, _] = route.routes(none.toml).ordered
    assert (written.identity, written.occurred, written.tenant, written.message) == ((), None, None, None)


def test_sources_of_one_family_share_a_table_where_they_share_an_identity() -> None:
    sample = [*orders(), *(replace(event, source="shop.carts") for event in orders())]
    assert [each.family for each in infer.propose(sample)] == ["orders", "carts"]
    (together,) = infer.propose(sample, "shop")
    assert together.toml.count("[[route]]") == 1
    assert 'source = ["com.acme.orders", "shop.carts"]' in together.toml


def test_types_of_event_get_tables_of_their_own_where_they_share_no_identity() -> None:
    paid = [
        replace(event, detail_type="Paid", detail={"paymentId": number, "ms": number})
        for number, event in enumerate(orders())
    ]
    other = [replace(event, source="carts") for event in orders()]
    (together,) = infer.propose([*orders(), *paid, *other], "shop")
    routes = route.routes(together.toml)
    assert route.find("com.acme.orders", "OrderPlaced", routes).identity == ("orderId",)
    assert route.find("com.acme.orders", "Paid", routes).identity == ("paymentId",)
    assert route.find("com.acme.orders", "Paid", routes).attributes == (("ms", "ms"),)
    assert route.find("com.acme.orders", "Refunded", routes) is route.CATCH_ALL
    assert route.find("carts", "OrderPlaced", routes).detail_types == ()


@pytest.mark.parametrize(
    ("source", "family"),
    [("aws.s3", "s3"), ("Shop/Orders_2", "orders_2"), ("9", "own_events"), ("events", "own_events")],
)
def test_a_family_is_called_as_its_source_is(source: str, family: str) -> None:
    (proposal,) = infer.propose([replace(event, source=source) for event in orders()])
    assert proposal.family == family


def test_a_source_with_a_star_is_left_out_since_a_route_would_read_it_as_a_prefix() -> None:
    assert infer.propose([replace(orders(1)[0], source="shop.*")]) == []
    assert infer.propose([]) == []


@st.composite
def samples(draw: st.DrawFn) -> list[Event]:
    keys = draw(st.lists(some.texts | st.sampled_from(["orderId", "at", "tenant", "a.b", "\x7f", "status"])))
    values = some.scalars | some.json_values | st.sampled_from(["2026-11-22T10:00:00Z", 1_795_341_600])
    detail = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, values))
    event = st.builds(
        Event, some.words, some.texts.filter(bool), some.texts.filter(bool), some.instants, detail
    )
    return draw(st.lists(event, max_size=6))


@given(samples(), st.none() | some.families)
def test_whatever_was_sampled_the_proposal_can_be_used_and_takes_every_event(
    sample: list[Event], family: str | None
) -> None:
    proposals = infer.propose(sample, family)
    routes = route.routes("\n".join(each.toml for each in proposals))
    for event in sample:
        chosen = route.choose(event, routes)
        assert (chosen is route.CATCH_ALL) == ("*" in event.source)
        try:
            document = normalise.normalise(event, chosen, single_tenant=False, now=some.NOW)
        except normalise.Rejected as rejected:
            assert rejected.reason in ("too-old", "from-the-future")  # noqa: PT017 - any other is a defect
            continue
        assert document.family == chosen.family
    for proposal in proposals:
        properties = proposal.template["template"]["mappings"]["properties"]
        own = (each for each in routes.ordered if each.family == proposal.family)
        assert set(properties) == {name for each in own for name, _ in each.attributes}
