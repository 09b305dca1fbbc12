from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import pytest
from typer.testing import CliRunner

from pipeline.cli import application, endpoints, tokens
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "0123456789abcdef" * 4
NOW = 1_790_000_000


def mint() -> str:
    return tokens.mint(SECRET, tenant="acme", subject="ann", now=NOW, ttl=60)


def test_a_token_says_whose_it_is_for_how_long_and_for_whom() -> None:
    claims = jwt.decode(
        mint(),
        SECRET,
        algorithms=["HS256"],
        issuer="livedex-local",
        audience="livedex",
        options={"verify_exp": False},
    )
    assert (claims["tenant"], claims["sub"], claims["exp"]) == ("acme", "ann", NOW + 60)


def test_a_token_of_another_secret_does_not_hold() -> None:
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(
            mint(), SECRET[::-1], algorithms=["HS256"], options={"verify_exp": False, "verify_aud": False}
        )


def test_its_owner_is_told_what_it_says() -> None:
    assert endpoints.claims(mint())["tenant"] == "acme"


@pytest.mark.parametrize("text", ["", "abc", "a.b", "a.bm9wZQ.c"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(StackError, match="no JWT"):
        endpoints.claims(text)


def test_a_token_whose_middle_is_no_object_says_nothing() -> None:
    assert endpoints.claims("a.W10.c") == {}


def test_the_command_prints_a_token_of_the_folders_own_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(application(["token"]), ["token", "--tenant", "globex", "--ttl", "60"])
    secret = (tmp_path / ".livedex" / "secret").read_text()
    claims = jwt.decode(printed.output.strip(), secret, algorithms=["HS256"], audience="livedex")
    assert claims["tenant"] == "globex"
    assert claims["exp"] - claims["iat"] == 60


def test_for_aws_the_command_says_where_tokens_come_from() -> None:
    refused = CliRunner().invoke(application(["token"]), ["token"], env={"TARGET": "aws"})
    assert isinstance(refused.exception, StackError)
    assert "issuer" in str(refused.exception)
