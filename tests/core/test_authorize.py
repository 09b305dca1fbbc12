from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import authorize
from pipeline.core.audience import ApiKey, Connection, Principal
from pipeline.core.authorize import MAX_NAME
from pipeline.core.errors import Refused
from pipeline.core.model import DEFAULT_TENANT

CLAIMS = {"sub": "ada", "tenant": "acme", "exp": 1_795_000_000}


def judged(claims: dict[str, Any], tenancy: str = "required") -> Principal:
    return authorize.principal(claims, tenancy=tenancy, tenant_claim="tenant")


def refusal(claims: dict[str, Any], tenancy: str = "required") -> str:
    with pytest.raises(Refused) as refused:
        judged(claims, tenancy)
    assert refused.value.code == "unauthorized"
    return refused.value.text


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


@pytest.mark.parametrize("tenant", [None, "", "  ", 7, ["acme"], True, "a\ud800", "a\n", "\0"])
def test_where_tenancy_is_required_a_token_without_a_tenant_is_refused(tenant: object) -> None:
    assert "'tenant'" in refusal({**CLAIMS, "tenant": tenant})


@pytest.mark.parametrize("claim", ["sub", "tenant", "exp"])
def test_a_missing_claim_is_refused_by_name(claim: str) -> None:
    assert f"'{claim}'" in refusal({name: value for name, value in CLAIMS.items() if name != claim})


def test_a_name_too_long_to_be_part_of_a_key_is_refused() -> None:
    assert judged({**CLAIMS, "sub": "a" * MAX_NAME}).subject == "a" * MAX_NAME
    assert "'sub'" in refusal({**CLAIMS, "sub": "a" * (MAX_NAME + 1)})


def test_a_tenant_whose_name_no_key_can_hold_is_refused_and_a_subject_of_that_name_is_not() -> None:
    assert judged({**CLAIMS, "tenant": "客" * 111}).tenant == "客" * 111
    assert "1000 bytes" in refusal({**CLAIMS, "tenant": "客" * 112})
    assert judged({**CLAIMS, "sub": "客" * MAX_NAME}).subject == "客" * MAX_NAME


@pytest.mark.parametrize("expires", ["1795000000", True, None, 0, -1, float("inf"), float("nan"), 1e308])
def test_an_expiry_that_is_no_time_is_refused(expires: object) -> None:
    assert "'exp'" in refusal({**CLAIMS, "exp": expires})


def test_an_expiry_may_have_a_fraction() -> None:
    assert judged({**CLAIMS, "exp": 1_795_000_000.25}).expires == 1_795_000_000_250


# --- API keys ---------------------------------------------------------------------------------

NOW = 1_795_000_000_000
TEXT = "livedex_" + "k" * 22
KEY = ApiKey(authorize.key_hash(TEXT), "acme", "reporter", "livedex_kkkk", created=1, expires=NOW + 1)


def key_refusal(text: str, key: ApiKey | None) -> str:
    with pytest.raises(Refused) as refused:
        authorize.key_principal(text, key, tenancy="required", now=NOW)
    assert refused.value.code == "unauthorized"
    return refused.value.text


def test_a_key_speaks_for_its_tenant_and_name_until_it_ends() -> None:
    found = authorize.key_principal(TEXT, KEY, tenancy="required", now=NOW)
    assert found == Principal("acme", "reporter", NOW + 1, KEY.hash)


def test_where_tenancy_is_single_the_keys_tenant_is_not_looked_at() -> None:
    assert authorize.key_principal(TEXT, KEY, tenancy="single", now=NOW).tenant == DEFAULT_TENANT


def test_a_key_that_is_unknown_revoked_or_ended_is_refused() -> None:
    assert "unknown" in key_refusal(TEXT, None)
    assert "unknown" in key_refusal(TEXT + "x", KEY)
    assert "revoked" in key_refusal(TEXT, replace(KEY, revoked=1))
    assert "ended" in key_refusal(TEXT, replace(KEY, expires=NOW))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (TEXT, True),
        ("livedex_" + "-_" * 11, True),
        ("livedex_" + "k" * 21, False),
        ("livedex_" + "k" * 87, False),
        ("k" * 30, False),
        (TEXT + "\n", False),
        ("livedex_" + "é" * 22, False),
    ],
)
def test_a_key_is_known_by_its_form(text: str, answer: object) -> None:
    assert authorize.is_key(text) is answer


@given(st.text(st.characters()))
def test_any_text_that_claims_to_be_a_key_can_be_hashed(text: str) -> None:
    assert len(authorize.key_hash(text)) == 64


# --- who may stay -----------------------------------------------------------------------------


def opened(expires: int = NOW + 1, key: str = "") -> Connection:
    return Connection("ann", "https://endpoint", Principal("acme", "ann", expires, key))


@pytest.mark.parametrize(
    ("connection", "key", "reason"),
    [
        (opened(), None, None),
        (opened(key=KEY.hash), KEY, None),
        (None, None, "expired"),
        (opened(expires=NOW), None, "expired"),
        (opened(expires=NOW, key=KEY.hash), replace(KEY, revoked=1), "expired"),
        (opened(key=KEY.hash), replace(KEY, revoked=NOW + 1), "revoked"),
        (opened(key=KEY.hash), None, "revoked"),
    ],
)
def test_a_connection_stays_until_its_token_ends_or_its_key_is_revoked(
    connection: Connection | None, key: ApiKey | None, reason: str | None
) -> None:
    assert authorize.ending(connection, key, NOW) == reason


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
