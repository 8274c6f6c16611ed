from __future__ import annotations

from typing import Any

import pytest

from slstest.embedded.logs import LogBuffer

GROUP, OTHER = "/aws/lambda/clicks", "/aws/lambda/orders"


class Service:
    """CloudWatch Logs, as far as it is written into."""

    class exceptions:
        class ResourceAlreadyExistsException(Exception): ...

        class ResourceNotFoundException(Exception): ...

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.refused: list[str] = []

    def create_log_group(self, **names: str) -> None:
        self._note("create group", names)

    def create_log_stream(self, **names: str) -> None:
        self._note("create stream", names)

    def put_log_events(self, logEvents: list[Any], **names: str) -> None:
        self._note(" ".join(each["message"].strip() for each in logEvents), names)

    def delete_log_group(self, **names: str) -> None:
        self._note("delete group", names)

    def _note(self, what: str, names: dict[str, str]) -> None:
        if what in self.refused:
            self.refused.remove(what)
            raise PermissionError(what)
        self.asked.append((what, names["logGroupName"]))


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def logs(service: Service) -> LogBuffer:
    return LogBuffer(lambda: service)


def written(service: Service) -> list[tuple[str, str]]:
    return [each for each in service.asked if not each[0].startswith(("create", "delete"))]


def test_what_waits_for_one_group_can_be_written_alone(service: Service, logs: LogBuffer) -> None:
    logs.write(GROUP, "s", 1.0, ("a",))
    logs.write(OTHER, "s", 1.0, ("b",))
    logs.flush(OTHER)
    assert written(service) == [("b", OTHER)]
    logs.flush()
    assert written(service) == [("b", OTHER), ("a", GROUP)]


def test_what_waits_for_a_group_that_will_be_deleted_is_not_written(
    service: Service, logs: LogBuffer
) -> None:
    logs.write(GROUP, "s", 1.0, ("a",))
    logs.write(OTHER, "s", 1.0, ("b",))
    logs.drop(GROUP)
    logs.flush()
    assert written(service) == [("b", OTHER)]


def test_a_group_that_somebody_deletes_is_not_deleted_again(
    service: Service, logs: LogBuffer
) -> None:
    logs.write(GROUP, "s", 1.0, ("a",))
    logs.write(OTHER, "s", 1.0, ("b",))
    logs.flush()
    logs.drop(GROUP)
    logs.forget()
    assert [each for each in service.asked if each[0].startswith("delete")] == [
        ("delete group", OTHER)
    ]


@pytest.mark.parametrize("refused", ["create group", "create stream", "a"])
def test_what_could_not_be_written_is_written_the_next_time(
    service: Service, logs: LogBuffer, refused: str
) -> None:
    logs.write(GROUP, "s", 1.0, ("a",))
    logs.write(OTHER, "s", 1.0, ("b",))
    service.refused = [refused]
    with pytest.raises(PermissionError):
        logs.flush()
    logs.write(GROUP, "s", 2.0, ("c",))
    logs.flush()
    assert written(service) == [("a c", GROUP), ("b", OTHER)]
