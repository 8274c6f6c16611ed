"""boto3 scripts that know nothing of slstest, each run as a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.serve.conftest import Server

SCRIPTS = Path(__file__).parent / "scripts"


def test_a_batch_is_bisected_and_its_failure_recorded_in_a_queue(server: Server) -> None:
    server.run_script(SCRIPTS / "failed_batch.py")
