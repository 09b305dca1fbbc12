from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import identify
from pipeline.core.errors import Refused
from pipeline.core.identify import Bearer, Key, Ticket

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln-_"  # noqa: S105 - the form of a token, for nobody


def shown_or_refusal(headers: dict[str, str | None]) -> Ticket | Bearer | Key | Refused:
    try:
        return identify.opening(headers, None)
    except Refused as refused:
        return refused


def test_a_ticket_in_the_query_string_comes_before_every_header() -> None:
    assert identify.opening({"Authorization": f"Bearer {TOKEN}"}, {"ticket": "t1"}) == Ticket("t1")


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_in_the_authorization_header_is_found_in_any_case(name: str, scheme: str) -> None:
    assert identify.opening({name: f"{scheme} {TOKEN}"}, {"ticket": ""}) == Bearer(TOKEN)


@pytest.mark.parametrize("name", ["x-api-key", "X-Api-Key"])
def test_an_api_key_is_found_in_any_case_and_comes_before_a_token(name: str) -> None:
    headers = {name: " livedex_k ", "Authorization": f"Bearer {TOKEN}"}
    assert identify.opening(headers, None) == identify.asking(headers) == Key("livedex_k")


@pytest.mark.parametrize("offered", [f"livedex, {TOKEN}", TOKEN, f"{TOKEN},livedex", f"x, {TOKEN}"])
def test_a_browsers_token_is_found_among_its_subprotocols(offered: str) -> None:
    assert identify.opening({"Sec-WebSocket-Protocol": offered}, None) == Bearer(TOKEN)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (f"livedex, {TOKEN}", "livedex"),
        (f"{TOKEN}, livedex", "livedex"),
        (TOKEN, TOKEN),
        ("livedex", "livedex"),
        ("graphql-ws", None),
        ("", None),
    ],
)
def test_one_of_the_offered_subprotocols_is_chosen(offered: str, chosen: str | None) -> None:
    assert identify.subprotocol({"sec-websocket-protocol": offered}) == chosen


def test_without_headers_no_subprotocol_is_chosen() -> None:
    assert identify.subprotocol(None) is None


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        (None, None),
        ({}, {}),
        ({"Authorization": None}, {"ticket": None}),
        ({"Authorization": "Basic YTpi"}, {}),
        ({"Authorization": "Bearer "}, {}),
        ({"Sec-WebSocket-Protocol": "livedex, graphql-ws"}, {}),
        ({"x-api-key": ""}, {}),
    ],
)
def test_a_request_that_shows_nothing_readable_is_told_how_to(
    headers: dict[str, str | None] | None, query: dict[str, str | None] | None
) -> None:
    with pytest.raises(Refused, match="POST /v1/tickets") as refused:
        identify.opening(headers, query)
    assert refused.value.code == "unauthorized"


@given(st.dictionaries(st.sampled_from(["authorization", "Sec-WebSocket-Protocol", "x-api-key"]), st.text()))
def test_no_header_makes_it_crash(headers: dict[str, str | None]) -> None:
    shown = shown_or_refusal(headers)
    assert isinstance(shown, Bearer | Key) or (isinstance(shown, Refused) and shown.code == "unauthorized")


def test_an_http_request_shows_its_token_in_the_authorization_header() -> None:
    assert identify.asking({"Authorization": "Bearer a.b.c"}) == Bearer("a.b.c")


@pytest.mark.parametrize(
    "headers",
    [None, {}, {"Authorization": "Basic eA=="}, {"Authorization": None}, {"Sec-WebSocket-Protocol": TOKEN}],
)
def test_an_http_request_without_a_token_or_key_is_told_how_to_send_one(
    headers: dict[str, str | None] | None,
) -> None:
    with pytest.raises(Refused, match=r"Authorization: Bearer.*x-api-key"):
        identify.asking(headers)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (None, None),
        ({}, None),
        ({"Origin": None}, None),
        ({"host": "a", "ORIGIN": "https://app.example"}, "https://app.example"),
        ({"origin": ""}, ""),
    ],
)
def test_the_page_that_a_browser_speaks_for_is_found(
    headers: dict[str, str | None] | None, found: str | None
) -> None:
    assert identify.origin(headers) == found
