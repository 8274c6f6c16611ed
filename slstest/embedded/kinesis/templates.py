"""Lets CloudFormation, which moto answers, make and delete our streams instead of moto's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from slstest.embedded.gateway import State
from slstest.embedded.kinesis.errors import KinesisError
from slstest.embedded.kinesis.region import Parameters, Result
from slstest.embedded.messages import AwsRequest, AwsResponse

Perform = Callable[[str, str, str, Parameters], Result | None]
"""Carries out an operation: takes the account, the region, the operation and its parameters."""


class StreamTemplates:
    """Stands in front of what answers CloudFormation's requests.

    While one is answered, moto's streams are out of the way: they are those of a project's own
    tests with moto. moto's part for Kinesis is imported when the first one comes, because that
    takes time, which most runs can save.
    """

    def __init__(self, state: State, perform: Perform) -> None:
        self._state = state
        self._perform = perform
        self._lock = threading.RLock()
        self._refusals: list[KinesisError] = []
        """Why the request that is answered cannot be carried out."""

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        if request.service != "cloudformation":
            return self._state.handle(request, at=at)
        with self._in_place_of_motos():
            self._refusals.clear()
            answer = self._state.handle(request, at=at)
            for refusal in self._refusals:
                # moto would tell it as a defect of its own.
                what = f"{refusal.code}: {refusal.message}"
                return request.error(400, "ValidationError", what)
            return answer

    @cached_property
    def _backend(self) -> Any:
        return _backend(self._ask)

    def _ask(self, account_id: str, region: str, operation: str, params: Parameters) -> Any:
        try:
            return self._perform(account_id, region, operation, params)
        except KinesisError as error:
            self._refusals.append(error)
            raise

    @contextmanager
    def _in_place_of_motos(self) -> Iterator[None]:
        from moto.kinesis.models import kinesis_backends as backends

        with self._lock:
            backend, motos = backends.backend, dict(backends)
            backends.backend = self._backend
            backends.clear()
            try:
                yield
            finally:
                backends.clear()
                backends.update(motos)
                backends.backend = backend


def _backend(perform: Perform) -> Any:
    from moto.kinesis import urls
    from moto.kinesis.models import KinesisBackend, Stream

    class TemplateStream(Stream):
        """What moto's CloudFormation needs of a stream that it has made."""

        def __init__(self, ask: Callable[..., Any], name: str, arn: str) -> None:
            self.stream_name = name
            self.arn = arn
            self._ask = ask

        def is_created(self) -> bool:
            return True

        def update_shard_count(self, target_shard_count: int) -> None:
            self._ask(
                "UpdateShardCount",
                StreamName=self.stream_name,
                TargetShardCount=int(target_shard_count),
            )

        @property
        def retention_period_hours(self) -> int:
            description = self._ask("DescribeStreamSummary", StreamName=self.stream_name)
            return int(description["StreamDescriptionSummary"]["RetentionPeriodHours"])

        @retention_period_hours.setter
        def retention_period_hours(self, hours: int) -> None:
            grows = int(hours) >= self.retention_period_hours
            operation = f"{'Increase' if grows else 'Decrease'}StreamRetentionPeriod"
            self._ask(operation, StreamName=self.stream_name, RetentionPeriodHours=int(hours))

        @property
        def tags(self) -> dict[str, str]:
            tags = self._ask("ListTagsForResource", ResourceARN=self.arn)["Tags"]
            return {tag["Key"]: tag["Value"] for tag in tags}

        @tags.setter
        def tags(self, tags: dict[str, str]) -> None:
            name = self.stream_name
            self._ask("RemoveTagsFromStream", StreamName=name, TagKeys=list(self.tags))
            self._ask("AddTagsToStream", StreamName=name, Tags=tags)

    class EmbeddedKinesisBackend(KinesisBackend):
        """moto's backend of one account and region, with our streams."""

        @property
        def _url_module(self) -> Any:
            return urls

        def create_stream(
            self,
            stream_name: str,
            shard_count: int,
            stream_mode: dict[str, str] | None = None,
            retention_period_hours: int | None = None,
        ) -> Stream:
            self._ask("CreateStream", StreamName=stream_name, ShardCount=int(shard_count))
            summary = self._ask("DescribeStreamSummary", StreamName=stream_name)
            arn = summary["StreamDescriptionSummary"]["StreamARN"]
            stream = TemplateStream(self._ask, stream_name, arn)
            if retention_period_hours:
                stream.retention_period_hours = retention_period_hours
            return stream

        def add_tags_to_stream(
            self, stream_arn: str | None, stream_name: str | None, tags: dict[str, str]
        ) -> None:
            self._ask("AddTagsToStream", StreamName=stream_name, Tags=tags)

        def delete_stream(self, stream_arn: str | None, stream_name: str | None) -> Stream:
            self._ask("DeleteStream", StreamName=stream_name)
            return TemplateStream(self._ask, str(stream_name), str(stream_arn))

        def _ask(self, operation: str, **params: Any) -> Any:
            return perform(self.account_id, self.region_name, operation, params)

    return EmbeddedKinesisBackend
