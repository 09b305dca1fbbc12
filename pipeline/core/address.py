"""IP addresses, read as AWS's matcher of event patterns reads them."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

# Compiled at the first address: most cold starts meet none.
_IPV4 = r"([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)"
_IPV6 = r"[0-9a-fA-F:]*:[0-9a-fA-F:]*"
_ZEROS = r"(?<![0-9a-fA-F])0+(?=[0-9a-fA-F])"
_MOST_DIGITS = 45  # the longest spelling of an address: https://www.rfc-editor.org/rfc/rfc4291#section-2.2
_LARGEST_BYTE = 255


def address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an IP address as AWS does; None for what is none.

    Leading zeros mean nothing (``010.0.0.1`` is ``10.0.0.1``), and IPv6's way to write an IPv4 address
    is that IPv4 address.
    """
    if len(text) > _MOST_DIGITS:
        return None
    if found := re.fullmatch(_IPV4, text):
        numbers = [int(number) for number in found.groups()]
        return IPv4Address(bytes(numbers)) if max(numbers) <= _LARGEST_BYTE else None
    if not re.fullmatch(_IPV6, text):
        return None
    try:
        read = IPv6Address(re.sub(_ZEROS, "", text))
    except AddressValueError:
        return None
    return read.ipv4_mapped or read
