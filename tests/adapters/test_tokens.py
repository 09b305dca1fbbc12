"""Tokens of a real issuer on this machine, checked as on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters import issuer_keys, tokens
from pipeline.adapters.issuer_keys import COOLDOWN, FRESH, MAX_BYTES, STALE, IssuerKeys
from pipeline.adapters.memory import MemoryClock
from pipeline.core.errors import Refused, Unavailable
from pipeline.settings import Settings, SettingsError, read
from tests import issuer
from tests.issuer import ISSUER, published, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.issuer import Site

LOCAL = {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
SECRET = "a development secret of 32 bytes or more"  # noqa: S105 - no secret of anything


@pytest.fixture
def site() -> Iterator[Site]:
    with issuer.site() as found:
        yield found


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


def settings(url: str, algorithms: str = "RS256,ES256,EdDSA") -> Settings:
    return read(
        LOCAL | {"LIVEDEX_JWKS_URL": url, "LIVEDEX_JWT_ISSUER": ISSUER, "LIVEDEX_JWT_ALGORITHMS": algorithms}
    )


@pytest.fixture
def checked(site: Site, clock: MemoryClock) -> tokens.JwtTokens:
    return tokens.JwtTokens(settings(site.url), IssuerKeys(site.url, clock))


def outcome(checked: tokens.JwtTokens, token: str) -> str:
    """``good``, or how it was answered."""
    try:
        checked.claims(token)
    except Refused as refused:
        return refused.code
    except Unavailable as unavailable:
        return unavailable.service
    return "good"


# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key_id", ["rsa", "ec", "ed"])
def test_tokens_of_every_kind_of_key_are_good(checked: tokens.JwtTokens, key_id: str) -> None:
    assert checked.claims(signed(key_id)) == issuer.claims()


def test_an_algorithm_that_is_not_configured_is_refused_though_its_key_is_published(site: Site) -> None:
    narrow = tokens.connect(settings(site.url, "RS256"))

    assert [outcome(narrow, signed(each)) for each in ("rsa", "ec", "ed")] == [
        "good",
        "unauthorized",
        "unauthorized",
    ]


def test_an_issuers_clock_may_differ_by_half_a_minute(checked: tokens.JwtTokens) -> None:
    import time  # noqa: PLC0415 - PyJWT reads the real clock

    now = int(time.time())
    answers = [outcome(checked, signed(exp=now - ago)) for ago in (15, 45)]
    early = [outcome(checked, signed(nbf=now + ahead)) for ahead in (15, 45)]

    assert answers == early == ["good", "unauthorized"]


def test_without_an_issuer_and_without_a_secret_no_token_is_good() -> None:
    with pytest.raises(Refused, match="No issuer is configured"):
        tokens.connect(read(LOCAL)).claims(signed())


@given(st.one_of(st.text(), st.binary().map(lambda octets: octets.decode("latin-1"))))
def test_nothing_that_is_no_token_makes_it_crash(text: str) -> None:
    local = tokens.connect(read({**LOCAL, "LIVEDEX_DEVELOPMENT_SECRET": SECRET}))
    issued = tokens.JwtTokens(settings("https://issuer.example.com"), IssuerKeys("http://127.0.0.1:1"))

    assert outcome(local, text) == outcome(issued, text) == "unauthorized"


# --- the issuer's keys ------------------------------------------------------------------------


def test_keys_are_read_once_and_again_when_they_are_no_longer_fresh(
    site: Site, checked: tokens.JwtTokens, clock: MemoryClock
) -> None:
    for _ in range(3):
        checked.claims(signed())
    clock.sleep(FRESH / 1_000)
    checked.claims(signed())

    assert len(site.asked) == 2


def test_a_key_that_is_new_is_found_at_once(
    site: Site, checked: tokens.JwtTokens, clock: MemoryClock
) -> None:
    checked.claims(signed("rsa"))
    site.body = published("rsa", "other")
    clock.sleep(COOLDOWN / 1_000)

    assert outcome(checked, signed("other")) == "good"


def test_a_key_that_was_withdrawn_is_good_no_longer_than_keys_are_fresh(
    site: Site, checked: tokens.JwtTokens, clock: MemoryClock
) -> None:
    checked.claims(signed("ec"))
    site.body = published("rsa")
    clock.sleep(FRESH / 1_000)

    assert outcome(checked, signed("ec")) == "unauthorized"


def test_a_thousand_made_up_key_ids_ask_the_issuer_once(
    site: Site, checked: tokens.JwtTokens, clock: MemoryClock
) -> None:
    answers = {outcome(checked, signed("other", {"kid": f"made-up-{each}"})) for each in range(1_000)}
    clock.sleep(COOLDOWN / 1_000)
    outcome(checked, signed("other", {"kid": "one more"}))

    assert answers == {"unauthorized"}
    assert len(site.asked) == 2
    assert outcome(checked, signed()) == "good"


def test_an_issuer_that_is_down_is_not_asked_for_every_token_and_no_token_is_called_bad(
    site: Site, checked: tokens.JwtTokens, clock: MemoryClock
) -> None:
    site.status = 500
    assert [outcome(checked, signed()) for _ in range(100)] == ["jwks"] * 100
    assert len(site.asked) == 1

    site.status = 200
    clock.sleep(COOLDOWN / 1_000)

    assert outcome(checked, signed()) == "good"


def test_an_issuers_outage_closes_no_door_for_an_hour_but_opens_none_for_a_new_key(
    site: Site, checked: tokens.JwtTokens, clock: MemoryClock
) -> None:
    checked.claims(signed())
    site.status = 503
    clock.sleep(FRESH / 1_000)

    assert [outcome(checked, signed()), outcome(checked, signed("other"))] == ["good", "jwks"]
    clock.sleep((STALE - FRESH) / 1_000)
    assert outcome(checked, signed()) == "jwks"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[]}',
        b'{"keys":[1,null]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"keys":[{"kty":"RSA","kid":"rsa"}]}',
        b'{"keys":[]' + b" " * MAX_BYTES + b"}",
    ],
)
def test_what_is_no_key_set_is_the_issuers_fault_and_not_the_tokens(
    site: Site, checked: tokens.JwtTokens, body: bytes
) -> None:
    site.body = body
    assert outcome(checked, signed()) == "jwks"


def test_a_redirect_is_not_followed(site: Site, checked: tokens.JwtTokens) -> None:
    site.status, site.headers = 302, {"Location": "/elsewhere"}

    with pytest.raises(Unavailable, match="HTTP 302"):
        checked.claims(signed())
    assert site.asked == ["/.well-known/jwks.json"]


def test_an_issuer_that_cannot_be_reached_is_waited_for_no_longer_than_two_seconds() -> None:
    keys = IssuerKeys("http://127.0.0.1:1/jwks.json")
    assert keys._http.connection_pool_kw["timeout"].total == issuer_keys.TIMEOUT == 2  # noqa: SLF001 - no test waits
    with pytest.raises(Unavailable, match="cannot be had"):
        keys.key("rsa")


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "kid": "rsa", "k": "a" * 43, "alg": "HS256"},
        {"kty": "oct", "kid": "rsa", "k": "a" * 43},
        {**issuer.jwk("rsa"), "use": "enc"},
        {**issuer.jwk("rsa"), "kid": ""},
        {**issuer.jwk("rsa"), "kid": 7},
        {**issuer.jwk("rsa"), "n": "?"},
        {name: value for name, value in issuer.jwk("rsa").items() if name != "kid"},
        {**issuer.jwk("rsa"), "alg": "none"},
        {**issuer.jwk("rsa"), "alg": "HS256"},
        {**issuer.jwk("rsa"), "alg": "ES256"},
        {**issuer.jwk("rsa"), "n": 5},
        {**issuer.jwk("rsa"), "e": None},
        {**issuer.jwk("ec"), "x": "AA"},
    ],
)
def test_a_published_key_that_is_not_for_signatures_is_passed_over(key: dict[str, Any]) -> None:
    assert list(issuer_keys.usable({"keys": [key, issuer.jwk("ed")]})) == ["ed"]
    with pytest.raises(ValueError, match="no key that checks"):
        issuer_keys.usable({"keys": [key]})


# --- what settings allow ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"LIVEDEX_TARGET": "aws", "LIVEDEX_JWT_ALGORITHMS": "HS256"}, "LIVEDEX_JWT_ALGORITHMS"),
        ({"LIVEDEX_TARGET": "aws", "LIVEDEX_JWT_ALGORITHMS": "RS256 HS256"}, "LIVEDEX_JWT_ALGORITHMS"),
        ({**LOCAL, "LIVEDEX_JWT_ALGORITHMS": "HS256,RS256"}, "stands alone"),
        (
            {**LOCAL, "LIVEDEX_JWT_ALGORITHMS": "HS256", "LIVEDEX_JWKS_URL": "https://i.example"},
            "stands alone",
        ),
        ({**LOCAL, "LIVEDEX_JWT_ALGORITHMS": "none"}, "'none'"),
        ({**LOCAL, "LIVEDEX_JWT_ALGORITHMS": "HS512"}, "'HS512'"),
        ({"LIVEDEX_TARGET": "aws", "LIVEDEX_DEVELOPMENT_SECRET": SECRET}, "local runs only"),
        ({**LOCAL, "LIVEDEX_DEVELOPMENT_SECRET": "short"}, "32 bytes"),
        ({"LIVEDEX_TARGET": "aws", "LIVEDEX_JWKS_URL": "http://issuer.example"}, "https://"),
        ({"LIVEDEX_TARGET": "aws", "LIVEDEX_JWKS_URL": "http://127.0.0.1:80/"}, "https://"),
        ({**LOCAL, "LIVEDEX_JWKS_URL": "file:///etc/passwd"}, "https://"),
        ({**LOCAL, "LIVEDEX_JWKS_URL": "http://127.0.0.1.evil.example/"}, "https://"),
        ({**LOCAL, "LIVEDEX_MAX_CONNECTIONS": "0"}, "LIVEDEX_MAX_CONNECTIONS"),
        ({**LOCAL, "LIVEDEX_MAX_CHANNELS": "many"}, "LIVEDEX_MAX_CHANNELS"),
        ({**LOCAL, "LIVEDEX_MAX_SUBSCRIPTIONS": "-1"}, "LIVEDEX_MAX_SUBSCRIPTIONS"),
        ({**LOCAL, "LIVEDEX_SUBSCRIBES_PER_SECOND": "1.5"}, "LIVEDEX_SUBSCRIBES_PER_SECOND"),
        ({**LOCAL, "LIVEDEX_HITS_PER_SECOND": "²"}, "LIVEDEX_HITS_PER_SECOND"),
    ],
)
def test_settings_that_would_not_hold_are_refused_by_name(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read(environ)


def test_without_a_word_an_issuer_signs_with_rs256_and_a_local_run_with_its_secret() -> None:
    assert read(LOCAL).jwt_algorithms == ("HS256",)
    assert read({**LOCAL, "LIVEDEX_JWKS_URL": "https://i.example"}).jwt_algorithms == ("RS256",)
    assert read({"LIVEDEX_TARGET": "aws"}).jwt_algorithms == ("RS256",)


def test_pyjwt_is_one_that_has_no_known_way_around_its_checks() -> None:
    assert tuple(map(int, jwt.__version__.split(".")[:2])) >= (2, 14)
