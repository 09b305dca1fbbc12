from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import authorize
from pipeline.core.audience import Principal
from pipeline.core.authorize import MAX_NAME, Bearer, Ticket
from pipeline.core.errors import Refused
from pipeline.core.model import DEFAULT_TENANT

CLAIMS = {"sub": "ada", "tenant": "acme", "exp": 1_795_000_000}
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln-_"  # noqa: S105 - the form of a token, for nobody


def judged(claims: dict[str, Any], tenancy: str = "required") -> Principal:
    return authorize.principal(claims, tenancy=tenancy, tenant_claim="tenant")


def refusal(claims: dict[str, Any], tenancy: str = "required") -> str:
    with pytest.raises(Refused) as refused:
        judged(claims, tenancy)
    assert refused.value.code == "unauthorized"
    return refused.value.text


def credential_or_refusal(headers: dict[str, str | None]) -> Ticket | Bearer | Refused:
    try:
        return authorize.credential(headers, None)
    except Refused as refused:
        return refused


# --- claims -----------------------------------------------------------------------------------


def test_a_token_speaks_for_its_tenant_and_subject_until_it_expires() -> None:
    assert judged(CLAIMS) == Principal(tenant="acme", subject="ada", expires=1_795_000_000_000)


def test_the_tenant_claim_is_the_one_the_settings_name() -> None:
    claims = {**CLAIMS, "https://acme.example/org": "umbrella"}
    found = authorize.principal(claims, tenancy="required", tenant_claim="https://acme.example/org")
    assert found.tenant == "umbrella"


def test_where_tenancy_is_single_the_tokens_tenant_is_not_looked_at() -> None:
    assert judged(CLAIMS, "single").tenant == DEFAULT_TENANT
    assert judged({"sub": "ada", "exp": 1}, "single").tenant == DEFAULT_TENANT


@pytest.mark.parametrize("tenant", [None, "", "  ", 7, ["acme"], True])
def test_where_tenancy_is_required_a_token_without_a_tenant_is_refused(tenant: object) -> None:
    assert "'tenant'" in refusal({**CLAIMS, "tenant": tenant})


@pytest.mark.parametrize("claim", ["sub", "tenant", "exp"])
def test_a_missing_claim_is_refused_by_name(claim: str) -> None:
    assert f"'{claim}'" in refusal({name: value for name, value in CLAIMS.items() if name != claim})


def test_a_name_too_long_to_be_part_of_a_key_is_refused() -> None:
    assert judged({**CLAIMS, "sub": "a" * MAX_NAME}).subject == "a" * MAX_NAME
    assert "'sub'" in refusal({**CLAIMS, "sub": "a" * (MAX_NAME + 1)})


@pytest.mark.parametrize("expires", ["1795000000", True, None, 0, -1, float("inf"), float("nan")])
def test_an_expiry_that_is_no_time_is_refused(expires: object) -> None:
    assert "'exp'" in refusal({**CLAIMS, "exp": expires})


def test_an_expiry_may_have_a_fraction() -> None:
    assert judged({**CLAIMS, "exp": 1_795_000_000.25}).expires == 1_795_000_000_250


# --- credentials ------------------------------------------------------------------------------


def test_a_ticket_in_the_query_string_comes_before_every_header() -> None:
    assert authorize.credential({"Authorization": f"Bearer {TOKEN}"}, {"ticket": "t1"}) == Ticket("t1")


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_in_the_authorization_header_is_found_in_any_case(name: str, scheme: str) -> None:
    assert authorize.credential({name: f"{scheme} {TOKEN}"}, {"ticket": ""}) == Bearer(TOKEN)


def test_a_browsers_token_is_found_among_its_subprotocols_and_the_other_one_is_chosen() -> None:
    headers = {"Sec-WebSocket-Protocol": f"livedex, {TOKEN}"}
    assert authorize.credential(headers, None) == Bearer(TOKEN, protocol="livedex")


def test_a_token_that_is_the_only_subprotocol_is_itself_chosen() -> None:
    assert authorize.credential({"sec-websocket-protocol": TOKEN}, {}) == Bearer(TOKEN, protocol=TOKEN)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        (None, None),
        ({}, {}),
        ({"Authorization": None}, {"ticket": None}),
        ({"Authorization": "Basic YTpi"}, {}),
        ({"Authorization": "Bearer "}, {}),
        ({"Sec-WebSocket-Protocol": "livedex, graphql-ws"}, {}),
    ],
)
def test_a_request_that_shows_nothing_readable_is_told_how_to(
    headers: dict[str, str | None] | None, query: dict[str, str | None] | None
) -> None:
    with pytest.raises(Refused, match="POST /v1/tickets") as refused:
        authorize.credential(headers, query)
    assert refused.value.code == "unauthorized"


@given(st.dictionaries(st.sampled_from(["authorization", "Sec-WebSocket-Protocol"]), st.text()))
def test_no_header_makes_it_crash(headers: dict[str, str | None]) -> None:
    shown = credential_or_refusal(headers)
    assert isinstance(shown, Bearer) or (isinstance(shown, Refused) and shown.code == "unauthorized")


# --- origins and tickets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "allowed", "answer"),
    [
        (None, (), True),
        (None, ("https://app.example",), True),
        ("https://app.example", (), False),
        ("https://app.example", ("https://app.example",), True),
        ("https://APP.example", ("https://app.example/",), True),
        ("https://app.example", ("https://other.example", "https://app.example"), True),
        ("https://app.example.evil.example", ("https://app.example",), False),
        ("http://app.example", ("https://app.example",), False),
        ("null", ("https://app.example",), False),
        ("", ("https://app.example",), False),
        ("https://any.example", ("*",), True),
    ],
)
def test_only_pages_of_the_allowed_origins_may_connect(
    origin: str | None, allowed: tuple[str, ...], answer: object
) -> None:
    assert authorize.origin_allowed(origin, allowed) is answer


def test_a_ticket_is_kept_as_its_sha_256() -> None:
    assert authorize.ticket_hash("t1") == hashlib.sha256(b"t1").hexdigest()


@given(st.text(st.characters()))
def test_any_text_that_claims_to_be_a_ticket_can_be_hashed(ticket: str) -> None:
    assert len(authorize.ticket_hash(ticket)) == 64


def test_an_http_request_shows_its_token_in_the_authorization_header() -> None:
    assert authorize.bearer({"Authorization": "Bearer a.b.c"}) == "a.b.c"


@pytest.mark.parametrize("headers", [None, {}, {"Authorization": "Basic eA=="}, {"Authorization": None}])
def test_an_http_request_without_a_token_is_told_how_to_send_one(
    headers: dict[str, str | None] | None,
) -> None:
    with pytest.raises(Refused, match="Authorization: Bearer"):
        authorize.bearer(headers)
