"""The names and tags of throwaway resources.

A name is valid for every AWS service (lower-case letters, digits and hyphens, at most 63
characters, as S3 has it) and says where it comes from: run, worker, test, and what it is.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass

PREFIX = "sls"
"""What every throwaway name begins with."""

MAX_LENGTH = 63
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; the other
services allow at least as many."""

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

    def throwaway(self, wanted: str) -> str:
        """A new name that nothing else has, carrying ``wanted`` for the reader."""
        head = f"{PREFIX}-{slug(self.run, _RUN_LENGTH)}-{slug(self.worker, _WORKER_LENGTH)}"
        tail = f"{slug(wanted, _WANTED_LENGTH)}-{_random()}"
        label = re.sub(r"^test[-_]", "", self.label.lower())
        return f"{head}-{slug(label, MAX_LENGTH - len(head) - len(tail) - 2)}-{tail}"

    def tags(self) -> dict[str, str]:
        """The tags by which what a killed run left behind is found."""
        test = re.sub(r"[^\w .:/=+@-]", "_", self.label)
        return {"slstest:run": self.run, "slstest:worker": self.worker, "slstest:test": test[:256]}


def _random() -> str:
    return base64.b32encode(os.urandom(_UNIQUE_LENGTH * 5 // 8)).decode().lower()
