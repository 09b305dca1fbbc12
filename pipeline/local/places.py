"""Where things lie: what the project ships, what is installed beside it, and a stack's own folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The project's root: the folder with ``template.yaml``."""

REQUIREMENTS = PROJECT / "requirements"

TOOLS = PROJECT / ".tools"
"""Environments of the tools that cannot share ours."""

JARS_LOCK = REQUIREMENTS / "opensearch-jars.txt"


@dataclass(frozen=True)
class Places:
    """The state folder of one stack: ``.livedex`` in the folder where it was started.

    Attributes:
        folder: The folder in which the command line was called.
    """

    folder: Path

    @property
    def root(self) -> Path:
        """All that the stack writes lies below this."""
        return self.folder.resolve() / ".livedex"

    @property
    def state(self) -> Path:
        """URLs and ports of the engines, JSON."""
        return self.root / "state.json"

    @property
    def outputs(self) -> Path:
        """Outputs of the deployed CloudFormation stack, JSON; absent when nothing is deployed."""
        return self.root / "outputs.json"

    @property
    def secret(self) -> Path:
        """The development secret that signs local tokens."""
        return self.root / "secret"

    @property
    def opensearch(self) -> Path:
        """The node's home; what is indexed outlives the node."""
        return self.root / "data"

    @property
    def aws(self) -> Path:
        """The emulator's files; they end with it."""
        return self.root / "aws"

    def log(self, name: str) -> Path:
        """The log of ``opensearch``, ``aws`` or ``functions`` (JSON lines)."""
        return self.root / "logs" / (f"{name}.jsonl" if name == "functions" else f"{name}.log")

    def pid(self, name: str) -> Path:
        """An engine's process id, in a file that the engine holds locked while it lives."""
        return self.root / f"{name}.pid"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or ends engines of this stack."""
        return self.root / "lock"
