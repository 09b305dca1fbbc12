"""What the live halves of the contracts need."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from pipeline.settings import Settings, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def local_settings(endpoint: str, **environ: str) -> Settings:
    return read(
        {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"} | environ
    )


@pytest.fixture
def aws_settings(aws_url: str) -> Callable[..., Settings]:
    """Settings of a local function on the running emulator; more of them by their environment names."""
    return lambda **environ: local_settings(aws_url, **environ)


@pytest.fixture
def unreachable_settings() -> Callable[..., Settings]:
    """Settings of a local function whose AWS is a port on which nobody listens."""
    return lambda **environ: local_settings("http://127.0.0.1:1", **environ)


@pytest.fixture
def unique() -> str:
    """A name that no other test has."""
    return f"contract-{uuid4().hex[:12]}"


@dataclass
class Scripted:
    """A service that answers what it was told to, for what no emulator can be made to answer.

    Attributes:
        answers: What it answers next; with a ``__type`` it is an error.
        requests: What it was asked.
        settings: Settings of a local function that calls it.
    """

    answers: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    settings: Callable[..., Settings] = local_settings


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    service = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = service.answers.pop(0)
            body = json.dumps(answer).encode()
            self.send_response(400 if "__type" in answer else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        service.settings = lambda **environ: local_settings(
            f"http://127.0.0.1:{server.server_port}", **environ
        )
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield service
        server.shutdown()
        thread.join()
