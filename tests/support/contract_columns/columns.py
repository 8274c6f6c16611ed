"""The columns of the table: each a cloud, and where its functions run."""

from __future__ import annotations

from dataclasses import dataclass

HERE, THERE = "here", "there"


@dataclass(frozen=True)
class Cloud:
    name: str
    title: str


EMBEDDED = Cloud("embedded", "embedded")
LOCALSTACK = Cloud("localstack", "LocalStack 4.14.0")
MINISTACK = Cloud("ministack", "MiniStack 1.5.33")


@dataclass(frozen=True)
class Column:
    cloud: Cloud
    place: str
    """What tells it from the other columns of its cloud."""
    runtime: str
    """As :func:`slstest.clouds.open_cloud` takes it."""

    @property
    def name(self) -> str:
        return f"{self.cloud.name}-{self.place}"

    @property
    def heading(self) -> str:
        place = self.place if self.ours else f"function {self.place}"
        return f"{self.cloud.title}, {place}"

    @property
    def ours(self) -> bool:
        """Whether every rule must hold."""
        return self.cloud == EMBEDDED


COLUMNS = (
    Column(EMBEDDED, "process", "process"),
    Column(EMBEDDED, "in-process", "in-process"),
    Column(LOCALSTACK, HERE, "process"),
    Column(LOCALSTACK, THERE, "cloud"),
    Column(MINISTACK, HERE, "process"),
    Column(MINISTACK, THERE, "cloud"),
)


def columns_called(name: str) -> tuple[Column, ...]:
    """The column of this name, or all columns of the cloud of this name; () if there is none."""
    return tuple(each for each in COLUMNS if name in (each.name, each.cloud.name))
