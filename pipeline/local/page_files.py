"""The files of the built page, and the rules under which a browser takes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

FOREVER = "public, max-age=31536000, immutable"
"""For files whose names change with their content; a year is the most that means something:
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Cache-Control#immutable"""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}

NEVER_KEPT = {"Cache-Control": "no-store"}

GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the built page."""

    content: bytes
    kind: str
    caching: str
    tag: str


def read(built: Path) -> dict[str, File]:
    """All files of the page, by their path: what is not here cannot be asked for."""
    files = {}
    for path in built.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            name = f"/{path.relative_to(built).as_posix()}"
            caching = FOREVER if name.startswith("/assets/") else "no-cache"
            kind = TYPES.get(path.suffix, "application/octet-stream")
            files[name] = File(content, kind, caching, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    if "/index.html" not in files:
        raise StackError(f"{built} holds no page: it has no index.html.")
    return {**files, "/": files["/index.html"]}


def policy(sockets: str) -> str:
    """The content policy: our own files, our own server, one WebSocket API, and no text made into markup.

    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "img-src 'self'",
            f"connect-src 'self' {sockets}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
