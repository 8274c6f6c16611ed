"""``slstest sweep``: delete what runs that were killed have left behind."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slstest.errors import ConfigurationError
from slstest.ledger import default_folder

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud
    from slstest.sweep.sweep import Place

CLOUDS = ("endpoint", "localstack", "aws")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand and its arguments."""
    parser = commands.add_parser(
        "sweep",
        help="delete what test runs that were killed have left behind",
        description="List what is left of test runs, and with --delete delete it: by the ledgers "
        "of this machine, and where a place is named, also by tags. What is younger than "
        "--older-than is left alone, unless its process is known to have ended. Nothing is touched "
        "that is neither in a ledger nor tagged by slstest.",
    )
    parser.add_argument(
        "--delete", action="store_true", help="delete it; without this it is only listed"
    )
    parser.add_argument(
        "--older-than",
        type=_duration,
        default="2h",
        metavar="DURATION",
        help="how old something must be, such as 90m or 1d12h (default: %(default)s)",
    )
    parser.add_argument(
        "--run",
        dest="test_run",
        metavar="RUN",
        help="only what this test run has made; a name has it after the first hyphen",
    )
    parser.add_argument(
        "--cloud",
        choices=CLOUDS,
        help="where to look for tags; only ledgers of this place count then (default: endpoint, "
        "where --endpoint is given); a localstack is found by AWS_ENDPOINT_URL, LOCALSTACK_HOST "
        "or EDGE_PORT, too",
    )
    parser.add_argument("--endpoint", metavar="URL", help="where the cloud is")
    parser.add_argument(
        "--account",
        dest="accounts",
        action="append",
        default=[],
        metavar="ID",
        help="the AWS account in which things may be deleted, for --cloud aws; may be given again, "
        "or be several with commas between",
    )
    parser.add_argument(
        "--region",
        help="the region in which to look for tags (default: that of AWS_REGION or "
        "AWS_DEFAULT_REGION, or us-east-1 where the cloud is no AWS account)",
    )
    parser.add_argument(
        "--containers",
        action="store_true",
        help="LocalStack containers of slstest on the Docker daemon, too, also those that are kept "
        "for the next run",
    )
    parser.add_argument(
        "--forget",
        action="store_true",
        help="take what was at an endpoint where nothing answers any more for gone",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List or delete, print what was found, and return 1 where something could not be deleted.

    Raises :class:`slstest.errors.SlstestError` where the place cannot be asked.
    """
    from slstest.sweep.sweep import Request, Sweep, table

    request = Request(
        older_than=arguments.older_than,
        delete=arguments.delete,
        forget=arguments.forget,
        run=arguments.test_run,
        place=_place(arguments),
        accounts=arguments.accounts,
    )
    sweep = Sweep(request, _open, default_folder())
    rows = list(sweep.rows())
    if arguments.containers:
        from slstest.sweep.containers import sweep_containers

        rows += sweep_containers(request)
    failed = sum(row.failed for row in rows)
    due = sum(row.due and not row.failed for row in rows)
    left = len(rows) - failed - due
    if rows:
        sys.stdout.write(table(rows) + "\n\n")
    done = "deleted" if request.delete else "to be deleted"
    parts = [f"{due} {done}", f"{left} left"] + [f"{failed} failed"] * bool(failed)
    hint = "" if request.delete or not due else "; say --delete to delete them"
    sys.stdout.write(f"{len(rows)} found: {', '.join(parts)}{hint}\n")
    return 1 if failed else 0


def _place(arguments: argparse.Namespace) -> Place | None:
    from slstest.clouds.guards import checked_accounts, said_region
    from slstest.clouds.urls import checked_url
    from slstest.sweep.sweep import Place

    if arguments.cloud == "aws":
        if arguments.endpoint is not None:
            raise ConfigurationError("--endpoint goes with other clouds than aws")
        checked_accounts(arguments.accounts)
        return Place("aws", None, said_region(arguments.region))
    if arguments.accounts:
        raise ConfigurationError("--account goes with --cloud aws")
    url = arguments.endpoint or _running(arguments.cloud)
    if url is None:
        if arguments.region is not None:
            raise ConfigurationError(
                "--region goes with --cloud or --endpoint; without them every ledger counts, "
                "whatever its region"
            )
        return None
    region = (
        arguments.region
        or os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or "us-east-1"
    )
    return Place(arguments.cloud or "endpoint", checked_url(url), region)


def _running(cloud: str | None) -> str | None:
    """Where a cloud is that was named without its endpoint."""
    from slstest.clouds.localstack.found import running_localstack

    if cloud is None:
        return None
    found = running_localstack(os.environ) if cloud == "localstack" else None
    if found is None:
        raise ConfigurationError(f"--cloud {cloud} needs --endpoint URL")
    return found[0]


def _open(place: Place, accounts: Sequence[str]) -> Cloud:
    from slstest.clouds import open_cloud

    if place.cloud == "aws":
        return open_cloud("aws", runtime="cloud", region=place.region, accounts=accounts)
    if place.endpoint_url is None:
        raise ConfigurationError(f"the cloud {place.cloud} of the ledger has no endpoint")
    return open_cloud(
        "endpoint", runtime="cloud", region=place.region, endpoint_url=place.endpoint_url
    )


def _duration(text: str) -> float:
    from slstest.sweep.found import seconds

    try:
        return seconds(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
