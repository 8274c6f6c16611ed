"""The names and tags of throwaway resources.

A name is valid for every AWS service (lower-case letters, digits and hyphens, at most 63
characters, as S3 has it) and says where it comes from: run, worker, test, and what it is.
"""

from __future__ import annotations

import base64
import getpass
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

PREFIX = "sls"
"""What every throwaway name begins with."""

MAX_LENGTH = 63
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; the other
services allow at least as many."""

TAG = "slstest:"
"""What the key of every tag begins with."""

ROLE_PATH = "/slstest/"
"""Where the roles of functions under test are in IAM, so that whoever runs tests can be allowed
to make no others."""

LIFETIME = timedelta(days=1)
"""After which whatever is still there may be swept."""

_MAX_TAG_LENGTH = 256
_RUN_LENGTH = 10
_WORKER_LENGTH = 8
_WANTED_LENGTH = 16
_UNIQUE_LENGTH = 8


def new_run() -> str:
    """A token for one test run, unlike that of any other."""
    return _random()[:6]


def slug(text: str, length: int) -> str:
    """``text`` in lower-case letters, digits and single hyphens, cut to ``length``."""
    cleaned = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return cleaned[:length].rstrip("-") or "x"


@dataclass(frozen=True)
class Names:
    """Makes the names of one environment's resources."""

    run: str
    worker: str
    label: str
    """The test that the resources are for."""
    owner: str = ""
    """Whose they are; empty where nobody is named."""

    def throwaway(self, wanted: str) -> str:
        """A new name that nothing else has, carrying ``wanted`` for the reader."""
        head = f"{PREFIX}-{slug(self.run, _RUN_LENGTH)}-{slug(self.worker, _WORKER_LENGTH)}"
        tail = f"{slug(wanted, _WANTED_LENGTH)}-{_random()}"
        label = re.sub(r"^test[-_]", "", self.label.lower())
        return f"{head}-{slug(label, MAX_LENGTH - len(head) - len(tail) - 2)}-{tail}"

    def tags(self, caller: str = "") -> dict[str, str]:
        """The tags by which what a killed run left behind is found.

        Where no owner is named it is the ``caller`` of the cloud, or else the login name.
        ``slstest:expiry`` is a time of UTC in ISO 8601. The values keep to what every service
        takes, DynamoDB the least:
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TaggingRestrictions.html
        """
        expiry = datetime.now(timezone.utc) + LIFETIME
        told = {
            "run": self.run,
            "worker": self.worker,
            "test": self.label,
            "owner": self.owner or caller or _login_name(),
            "expiry": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return {TAG + key: _tag_value(value) for key, value in told.items()}


def _tag_value(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9 _.:/=+-]", "_", text)[:_MAX_TAG_LENGTH].strip() or "_"


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # an id without a name, as containers have it
        return "unknown"


def _random() -> str:
    return base64.b32encode(os.urandom(_UNIQUE_LENGTH * 5 // 8)).decode().lower()
