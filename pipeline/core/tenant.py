"""Which texts may name a tenant: those that the connection table can hold in every key."""

from __future__ import annotations

from urllib.parse import quote

LONGEST = 256
"""Characters; nobody's tenant has a longer name."""

LONGEST_KEY = 1_000
"""Bytes of a name where it stands in a key, percent-encoded. A sort key takes 1,024, and a word goes before.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

_MOST_A_CHARACTER = 12
"""Bytes: four of UTF-8, three each."""


def fits(name: str) -> bool:
    """Tell whether a name is no longer than a tenant's may be."""
    if len(name) <= LONGEST_KEY // _MOST_A_CHARACTER:
        return True
    return len(name) <= LONGEST and len(quote(name, safe="=", errors="surrogatepass")) <= LONGEST_KEY
