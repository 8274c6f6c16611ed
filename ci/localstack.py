"""LocalStack in a container, for one command.

    python -m ci.localstack pytest ...

runs the command while LocalStack is up, with its URL in SLSTEST_CONTRACT_ENDPOINT. Without Docker
it fails, unless SLSTEST_WITHOUT_DOCKER=skip says that the command need not be run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from localstack_container import LocalStack, NoDocker, Unavailable, container

from slstest.clouds.localstack.loading import Loading

ENDPOINT = "SLSTEST_CONTRACT_ENDPOINT"
SERVICES = (
    "dynamodb",
    "dynamodbstreams",
    "events",
    "iam",
    "kinesis",
    "lambda",
    "logs",
    "s3",
    "sns",
    "sqs",
    "sts",
)
"""Those of the contract suite."""


def load(localstack: LocalStack) -> None:
    """Have each service loaded: Kinesis refuses what comes meanwhile."""
    loading = Loading(localstack.endpoint, say=_say)
    loading.begin(SERVICES)
    for service in SERVICES:
        loading.wait(service)
    loading.close()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(command: Sequence[str]) -> int | str:
    """The exit status of the command, or why there is none."""
    if not command:
        return str(__doc__)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with container() as localstack:
            load(localstack)
            return subprocess.call(command, env={**os.environ, ENDPOINT: localstack.endpoint})
    except NoDocker as reason:
        if not reason.may_be_skipped:
            return f"no Docker: {reason}"
        sys.stderr.write(f"skipped, no Docker: {reason}\n")
        return 0
    except Unavailable as reason:
        return f"LocalStack is not to be had: {reason}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
