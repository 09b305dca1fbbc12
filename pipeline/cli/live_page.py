"""``page``: the live page of the running local stack; ``run`` shows it too."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer

from pipeline.cli import clients, endpoints
from pipeline.cli.endpoints import Stack, Target
from pipeline.core.channels import COMMON_KEYS
from pipeline.local import deploy, page_address, page_build, ports
from pipeline.local.errors import StackError
from pipeline.local.page import Behind, PageServer
from pipeline.local.places import Places
from pipeline.wiring import shipped

commands = typer.Typer()

EMIT = "livedex emit --sample 0 --rate 5"
"""The command that puts some events, for a page that has none to show."""


@commands.command()
def page(
    tenant: clients.TenantOption = "acme",
) -> None:
    """Serve the live page of the running local stack, until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # being terminated ends it as Ctrl-C does
    folder = Path.cwd()
    settle(folder)
    deploy.deploy(Target.LOCAL.value, folder)  # asks one question when nothing has changed
    found = endpoints.find(Target.LOCAL)
    built = page_build.build(_progress)
    with (
        suppress(KeyboardInterrupt),
        PageServer(built, behind(found, tenant), page_address.port(Places(folder))) as server,
    ):
        typer.echo(f"{server.origin}/")
        threading.Event().wait()


@contextmanager
def prepared(folder: Path) -> Iterator[Future[Path]]:
    """Begin to build the page, at the side of whatever is done meanwhile; whoever wants it waits for it."""
    with ThreadPoolExecutor(1, "page") as thread:
        try:
            settle(folder)
            future = thread.submit(page_build.build)
        except StackError as trouble:
            future = Future()
            future.set_exception(trouble)
        yield future
        future.cancel()


@contextmanager
def served(built: Future[Path], found: Stack, folder: Path, tenant: str) -> Iterator[str | None]:
    """The page is served inside; its address, or None where it cannot be had, which is told in one line."""
    try:
        server = PageServer(built.result(), behind(found, tenant), page_address.port(Places(folder)))
    except StackError as trouble:
        _progress(f"no live page: {trouble}")
        yield None
        return
    with server:
        _progress(f"the live page: {server.origin}/")
        yield f"{server.origin}/"


def settle(folder: Path) -> None:
    """Make sure before the deploy that the page's port can be had, since the deploy tells the stack of it.

    Raises:
        StackError: Another command of this folder serves the page already.
    """
    of = Places(folder)
    port = page_address.port(of)
    if ports.is_free(port):
        return
    if ports.answers(port, "/session"):
        raise StackError(f"The live page is served already, by another command: {page_address.origin(of)}/")
    page_address.renew(of)


def behind(found: Stack, tenant: str) -> Behind:
    """What the page needs to know of a stack."""
    return Behind(
        http=found.http,
        websocket=found.outputs["WebSocketUrl"],
        token=lambda: clients.mint(tenant),
        session={"place": found.target.value, "tenant": tenant, "attributes": attributes(), "emit": EMIT},
        now=lambda: int(time.time() * 1_000),
    )


def attributes() -> list[dict[str, Any]]:
    """What filters may name: the attributes that ``routes.toml`` declares, and what every hit has."""
    routes = shipped.routes()
    kinds = {name: kind for route in routes.ordered for name, kind in route.kinds}
    declared = dict.fromkeys(name for route in routes.ordered for name, _ in route.attributes)
    names = [*declared, *sorted(COMMON_KEYS - declared.keys())]
    return [{"name": name, "kind": kinds.get(name, "text")} for name in names]


def _progress(text: str) -> None:
    sys.stderr.write(f"-- {text}\n")
