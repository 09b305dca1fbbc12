"""What can go wrong with the local stack."""

from __future__ import annotations


class StackError(Exception):
    """The local stack cannot do what was asked.

    Its text is for a person: what is wrong, and the way out. The command line prints it and
    exits 1; nobody ever sees a traceback for it.
    """
