"""Make the project's environment with nothing but a bare Python.

``python3 -m pipeline.local.install run`` installs what running needs, ``… dev`` also what checks
and tests need. This is only the door, which any Python 3 must understand, so that an old one is
told what is missing; the work is done in ``installation``.
"""

import sys

OLDEST = (3, 11)


def lacking(version: "tuple[int, ...]") -> str:
    """What this Python lacks, as one line with the way out; empty when it will do."""
    if version[:2] < OLDEST:
        return (
            f"livedex needs Python 3.11 or later, not {version[0]}.{version[1]}: `make PYTHON=python3.11 …`."
        )
    try:
        import ensurepip  # noqa: F401, PLC0415 - the question is whether it can be imported
    except ImportError:
        return (
            "This Python cannot make virtual environments: on Debian or Ubuntu, `apt install python3-venv`."
        )
    try:
        import fcntl  # noqa: F401, PLC0415 - likewise
    except ImportError:
        return "The local stack runs on Linux and macOS: on Windows, use it inside WSL."
    return ""


def main() -> None:
    """Install, or say in one line why not."""
    trouble = lacking(sys.version_info[:2])
    if trouble:
        sys.exit("livedex: " + trouble)
    from pipeline.local.installation import install  # noqa: PLC0415 - an old Python could not read it

    install(sys.argv[1:])


if __name__ == "__main__":
    main()
