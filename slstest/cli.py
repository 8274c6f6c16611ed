"""The command ``slstest``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from slstest.commands import serve, sweep
from slstest.errors import SlstestError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 1 for what could not be done.

    Raises :class:`SystemExit` with status 2, as argparse does, for arguments that are wrong.
    """
    given = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = given.run
    try:
        return run(given)
    except SlstestError as error:
        sys.stderr.write(f"slstest {given.command}: error: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    from slstest import __version__

    parser = argparse.ArgumentParser(
        prog="slstest", description="Integration tests for serverless functions."
    )
    parser.add_argument("--version", action="version", version=f"slstest {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    for command in (serve, sweep):
        command.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
