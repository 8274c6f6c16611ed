"""``slstest serve``: the embedded cloud as a server of its own."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from slstest.clouds.guards import check_embedded_region
from slstest.commands.signals import end_request
from slstest.embedded.loopback import DEFAULT_HOST, listen

if TYPE_CHECKING:
    from slstest.clouds.embedded import EmbeddedCloud

DEFAULT_PORT = 4566
"""LocalStack's, which other tools know."""

_CALM = 0.1
"""With --skip-time: seconds without a request after which nobody seems to be in the middle of
something."""

_IDLE = 600.0
"""Seconds after which what a function has not used is given back."""

_TIDY_INTERVAL = 60.0


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand and its arguments."""
    parser = commands.add_parser(
        "serve",
        help="serve the embedded cloud to the AWS CLI, Terraform, and programs in any language",
        description="Serve the embedded cloud on this machine until Ctrl-C. Everything is kept in "
        "memory and is gone afterwards.",
    )
    parser.add_argument(
        "--host",
        default=DEFAULT_HOST,
        help="the loopback address to serve on (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        help="the port to serve on, 0 for any free one (default: %(default)s)",
    )
    parser.add_argument(
        "--region",
        default=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        help="the region that has the functions (default: that of AWS_REGION or "
        "AWS_DEFAULT_REGION, here %(default)s)",
    )
    parser.add_argument(
        "--skip-time",
        action="store_true",
        help="whenever nothing runs and no request came for a tenth of a second, skip to the next "
        "timer: a retry that is due in a minute comes at once",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal ends it.

    Raises :class:`slstest.errors.ConfigurationError` for what cannot be served.
    """
    with listen(arguments.host, arguments.port) as listener, end_request() as end:
        _forget_aws_settings()
        check_embedded_region(arguments.region)
        cloud = _open(listener, arguments.region)
        try:
            threading.Thread(
                target=cloud.attend,
                args=(_report,),
                kwargs={"skip_after": _CALM if arguments.skip_time else None},
                name="slstest-attendant",
                daemon=True,
            ).start()
            sys.stdout.write(_greeting(cloud, skips_time=arguments.skip_time))
            sys.stdout.flush()
            while not end.wait(_TIDY_INTERVAL):
                cloud.tidy(_IDLE)
        finally:
            cloud.close()
    return 0


def _open(listener: socket.socket, region: str) -> EmbeddedCloud:
    from slstest.runtimes.process import ProcessRuntime

    processes = ProcessRuntime()
    processes.prestart()  # while moto and boto3 are imported here
    from slstest.clouds.embedded import EmbeddedCloud

    return EmbeddedCloud(
        lambda _: processes, region=region, listener=listener, on_undelivered=_tell_undelivered
    )


def _greeting(cloud: EmbeddedCloud, *, skips_time: bool) -> str:
    from slstest import __version__

    python = f"python3.{sys.version_info.minor}"
    return f"""\
slstest {__version__} serves the embedded cloud at {cloud.endpoint_url}

  region     {cloud.region}
  account    {cloud.account_id}
  functions  {python}, in processes of their own; other python3.x where the PATH has them with
             awslambdaric and boto3
  time       {"skips to the next timer when nothing happens" if skips_time else "real"}

To use it:

  export AWS_ENDPOINT_URL={cloud.endpoint_url}
  export AWS_DEFAULT_REGION={cloud.region}
  export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any

Ctrl-C ends it, and nothing is kept.
"""


def _report(failure: BaseException) -> None:
    text = "".join(traceback.format_exception(failure))
    sys.stderr.write(f"slstest serve: work in the background failed:\n{text}")
    sys.stderr.flush()


def _tell_undelivered(what: str) -> None:
    """On AWS it would leave no trace where one would look."""
    sys.stderr.write(f"slstest serve: not delivered: {what}\n")
    sys.stderr.flush()


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a number from 0 to 65535")


def _forget_aws_settings() -> None:
    """They are for clients of AWS. Here a profile that does not exist would fail every request."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
