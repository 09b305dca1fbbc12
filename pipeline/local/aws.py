"""The stack's AWS: MiniStack, in an environment and a process group of its own."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from pipeline.local import environments, places, ports
from pipeline.local.engine import Engine

if TYPE_CHECKING:
    from pipeline.local.progress import Tell

LIMIT = 60.0
"""Seconds until it must answer: it takes 2, more when its modules are compiled the first time."""

REGION = "us-east-1"

INHERITED = (
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "TZ",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)
"""What it and the functions it runs may see of our environment; nobody's AWS credentials or endpoints."""


def engine(of: places.Places) -> Engine:
    """The emulator of a stack."""
    return Engine("MiniStack", of.pid("aws"), of.log("aws"))


def start(of: places.Places, port: int, tell: Tell) -> None:
    """Start the stack's emulator, empty, or find it running, and wait until it answers.

    Raises:
        StackError: It cannot be installed, or died, or does not answer.
    """
    emulator = engine(of)
    if not emulator.alive():
        environments.MINISTACK.make(tell)
        _start(emulator, of, port, tell)
    emulator.wait_until(lambda: ports.answers(port, "/_ministack/ready"), LIMIT)


def _start(emulator: Engine, of: places.Places, port: int, tell: Tell) -> None:
    tell("starting")
    # What was deployed ended with the emulator of before; so do its files and the word that it is deployed.
    of.outputs.unlink(missing_ok=True)
    shutil.rmtree(of.aws, ignore_errors=True)
    for folder in ("state", "s3", "tmp"):
        (of.aws / folder).mkdir(parents=True)
    emulator.start([environments.MINISTACK.python, "-m", "ministack"], _environ(of, port))


def _environ(of: places.Places, port: int) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": ports.HOST,
        "MINISTACK_HOST": ports.HOST,
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Their defaults are folders that every emulator on the machine would share.
        "STATE_DIR": str(of.aws / "state"),
        "S3_DATA_DIR": str(of.aws / "s3"),
        "TMPDIR": str(of.aws / "tmp"),
        "AWS_ENDPOINT_URL": f"http://{ports.HOST}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "NO_PROXY": f"{ports.HOST},localhost",
        "no_proxy": f"{ports.HOST},localhost",
        "PYTHONUNBUFFERED": "1",
    }
