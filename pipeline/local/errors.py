"""What can go wrong with the local stack."""

from __future__ import annotations


class StackError(Exception):
    """The local stack cannot do what was asked.

    Its text is for a person: what is wrong, and the way out. The command line prints it and
    exits 1; nobody ever sees a traceback for it.
    """


class Mistyped(StackError):  # noqa: N818 - what was done, said to who did it
    """What was typed cannot be meant; the command line exits 2, as for an option that there is not."""
