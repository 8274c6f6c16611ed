"""The clouds, and the one place that opens one by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slstest.errors import ConfigurationError

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud
    from slstest.clouds.embedded import Backstage
    from slstest.runtimes.base import Runtime

CLOUDS = ("embedded",)
"""The clouds that this version has."""

RUNTIMES = ("process", "in-process")
"""The runtimes that this version has."""


def open_cloud(
    name: str = "embedded",
    *,
    runtime: str = "process",
    region: str = "us-east-1",
    debugging: bool = False,
) -> Cloud:
    """Start a cloud. The caller closes it.

    ``debugging`` lifts the functions' timeouts in the in-process runtime. Raises
    :class:`slstest.errors.ConfigurationError` for a cloud or runtime that does not exist.
    """
    if name not in CLOUDS:
        raise ConfigurationError(f"there is no cloud '{name}'; there is: {', '.join(CLOUDS)}")
    if runtime not in RUNTIMES:
        raise ConfigurationError(
            f"there is no runtime '{runtime}' on the {name} cloud; there are: {', '.join(RUNTIMES)}"
        )
    from slstest.clouds.embedded import EmbeddedCloud

    if runtime == "process":
        from slstest.runtimes.process import ProcessRuntime

        processes = ProcessRuntime()
        processes.prestart()  # while moto and boto3 are imported here
        return EmbeddedCloud(lambda _: processes, region=region)

    from slstest.functions.package import source_of_zip
    from slstest.runtimes.in_process import STAGE, InProcessRuntime, uninterrupted

    def run_in_process(backstage: Backstage) -> Runtime:
        def source_of(folder: Path) -> Path | None:
            sha256 = backstage.code.sha256_of(folder)
            return source_of_zip(sha256) if sha256 else None

        return InProcessRuntime(
            backstage.scheduler.run_in_foreground,
            debugging=debugging,
            source_of=source_of,
            scratch=backstage.scratch,
        )

    return EmbeddedCloud(
        run_in_process,
        region=region,
        in_process_guard=uninterrupted,
        http_guard=STAGE.on_behalf_of_the_act,
    )
