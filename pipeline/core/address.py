"""IP addresses, read as AWS's matcher of event patterns reads them."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

_IPV4 = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)", re.ASCII)
_IPV6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*", re.ASCII)
_ZEROS = re.compile(r"(?<![0-9a-fA-F])0+(?=[0-9a-fA-F])")
_MOST_DIGITS = 45  # the longest spelling of an address: https://www.rfc-editor.org/rfc/rfc4291#section-2.2
_LARGEST_BYTE = 255


def address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an IP address as AWS does; None for what is none.

    Leading zeros mean nothing (``010.0.0.1`` is ``10.0.0.1``), and IPv6's way to write an IPv4 address
    is that IPv4 address.
    """
    if len(text) > _MOST_DIGITS:
        return None
    if found := _IPV4.fullmatch(text):
        numbers = [int(number) for number in found.groups()]
        return IPv4Address(bytes(numbers)) if max(numbers) <= _LARGEST_BYTE else None
    if not _IPV6.fullmatch(text):
        return None
    try:
        read = IPv6Address(_ZEROS.sub("", text))
    except AddressValueError:
        return None
    return read.ipv4_mapped or read
