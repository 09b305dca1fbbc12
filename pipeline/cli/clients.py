"""``token``, and what every client needs: where the HTTP API is, and what tells it who asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import endpoints, tokens
from pipeline.cli.endpoints import Target, TargetOption
from pipeline.client.api import Key, Shown
from pipeline.core.errors import Refused
from pipeline.local.errors import Mistyped, StackError

commands = typer.Typer()

DAY = 86_400
"""Seconds."""

STRANGERS = frozenset({"unauthorized", "forbidden", "revoked", "http-401", "http-403"})
"""Codes that refuse the asker, whatever it asks."""

TenantOption = Annotated[str, typer.Option("--tenant", help="Whose events to see; local only.")]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="LIVEDEX_TOKEN", help="Your identity provider's token; for aws."),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", envvar="LIVEDEX_KEY", help="An API key instead of a token: see `livedex key create`."
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="LIVEDEX_URL",
        help="The HTTP API's address, where you have neither the folder nor the AWS account of its stack.",
    ),
]


@dataclass(frozen=True, slots=True)
class Access:
    """How to ask.

    Attributes:
        http: The HTTP API's address.
        shown: Gives the token or the key, anew for each request, since tokens expire.
    """

    http: str
    shown: Callable[[], Shown]


@commands.command()
def token(
    tenant: Annotated[str, typer.Option(help="Whose events its bearer may see.")] = "acme",
    subject: Annotated[str, typer.Option(help="Who the bearer is.")] = "developer",
    ttl: Annotated[int, typer.Option(min=1, help="Seconds until it expires.")] = DAY,
    target: TargetOption = Target.LOCAL,
) -> None:
    """Print a development token for the local stack."""
    if target is Target.AWS:
        raise StackError(
            "Development tokens are for local stacks only; a stack on AWS takes the tokens of the issuer "
            "it was deployed with (parameters JwtIssuer, JwtAudience, JwksUrl)."
        )
    typer.echo(mint(tenant, subject, ttl))


def mint(tenant: str, subject: str = "developer", ttl: int = DAY) -> str:
    """A development token of this folder's stack."""
    secret = endpoints.secret(Path.cwd())
    return tokens.mint(secret, tenant=tenant, subject=subject, now=int(time.time()), ttl=ttl)


def reach(
    target: Target, stack: str, *, url: str | None, bearer: str | None, key: str | None, tenant: str
) -> Access:
    """Find the HTTP API and what to show it; a key goes before a token.

    Raises:
        Mistyped: Nothing tells who asks, or it cannot be sent.
        StackError: There is no such stack.
    """
    given = Key(_sendable(key, "--key")) if key else _sendable(bearer, "--token") if bearer else None
    if url:
        if given is None:
            raise Mistyped("Beside --url say who asks: --token TOKEN, or --key KEY.")
        if not url.startswith(("http://", "https://")):
            raise Mistyped(f"--url {url} is no address: it begins with https:// or http://.")
        return Access(url, lambda: given)
    found = endpoints.find(target, stack)
    if isinstance(given, Key):
        return Access(found.http, lambda: given)
    return Access(found.http, bearer_of(target, given, tenant))


def bearer_of(target: Target, given: str | None, tenant: str, option: str = "--token") -> Callable[[], str]:
    """Where tokens come from: the given one, else, locally, a fresh one each time.

    Raises:
        StackError: On AWS none was given.
    """
    if given is not None:
        return lambda: given
    if target is Target.AWS:
        raise Mistyped(f"On AWS say {option}: a token of the issuer that the stack was deployed with.")
    return lambda: mint(tenant)


def refusal(code: str, text: str) -> Exception:
    """What to raise where the server said no: its own sentence, and the way out where it names none."""
    if code in STRANGERS:
        return StackError(f"{text} Show another token with --token, or an API key with --key.")
    if code.startswith("bad-"):
        return Mistyped(text)
    return Refused(code, text)


def _sendable(text: str, option: str) -> str:
    """The text, where a header can carry it."""
    plain = text.strip()
    if not plain or not plain.isascii() or not plain.isprintable():
        raise Mistyped(f"{option} has characters that no header can carry: copy it again.")
    return plain
