"""What a stack remembers between two commands: ``.livedex/state.json`` and the development secret."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from pipeline.local import files, ports

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.local.places import Places


@dataclass(frozen=True, slots=True)
class State:
    """The engines' addresses, kept when they end so that they come back to the same ones.

    Attributes:
        given_url: The cluster used instead of a node of the stack's own; None for the node.
    """

    opensearch_port: int | None = None
    aws_port: int | None = None
    given_url: str | None = None

    @property
    def opensearch_url(self) -> str | None:
        """Where OpenSearch is reached; None before the first start."""
        return self.given_url or _url(self.opensearch_port)

    @property
    def aws_url(self) -> str | None:
        """Where AWS is reached; None before the first start."""
        return _url(self.aws_port)


def read(of: Places) -> State:
    """The stack's state; that of a stack never started where there is none, or none that can be read."""
    kept = _json(of.state)
    return State(**{each.name: kept.get(each.name) for each in fields(State)})


def write(of: Places, state: State) -> None:
    """Keep the state."""
    files.write(of.state, json.dumps(asdict(state), indent=2).encode())


def outputs(of: Places) -> dict[str, Any]:
    """The outputs of the deployed CloudFormation stack; empty before the deploy."""
    return _json(of.outputs)


def development_secret(of: Places) -> str:
    """The secret that signs this stack's local tokens: made at the first call, the same ever after."""
    with files.locked(of.root / "secret.lock"):
        if not of.secret.exists():
            files.write(of.secret, secrets.token_hex(32).encode(), mode=0o600)
        return of.secret.read_text(encoding="ascii")


def _url(port: int | None) -> str | None:
    return f"http://{ports.HOST}:{port}" if port else None


def _json(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
