"""Whether Lambda has begun to read a stream for a new event source mapping.

On AWS that may take minutes, after the mapping says that it is enabled:
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from slstest.calls import ask_unless
from slstest.invocation import Invocation

_NOTHING_YET = "No records processed"
"""``LastProcessingResult`` until there was a batch:
https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html"""

_PAGES = 5
"""How often a shard is read in one look: an answer may be empty though there are records."""
_ONE = 1
"""Records that are asked for: whether there are any is all that matters."""

_GONE = ("ResourceNotFoundException",)
_NO_ANSWER = (*_GONE, "ExpiredIteratorException", "TrimmedDataAccessException")
"""The stream is gone, or the shard has to be read from its beginning again."""

Client = Callable[[str], Any]
"""Gives the boto3 client of a service."""


class StreamStart:
    """The first look of one mapping at its stream, since it was created or enabled."""

    def __init__(self, client: Client, mapping: Mapping[str, Any], patience: float) -> None:
        """``mapping`` is what Lambda answered when it was created or enabled. For ``patience``
        seconds the first look is expected where nothing can tell that it was: where filters may
        have left nothing to handle, where the mapping reads only what comes after its first look,
        and where it has handled batches before."""
        self._client = client
        self._uuid: str = mapping["UUID"]
        self._records = _Records(client, mapping)
        self._patience = patience
        self._handled_before = mapping.get("LastProcessingResult", _NOTHING_YET) != _NOTHING_YET
        self._certain = mapping.get("StartingPosition") != "LATEST" and not self._handled_before
        self._begun = False
        self.hear(mapping)

    def hear(self, mapping: Mapping[str, Any]) -> None:
        """Take note of what Lambda answered when the mapping was changed."""
        filters = (mapping.get("FilterCriteria") or {}).get("Filters")
        if filters or mapping.get("KMSKeyArn"):  # by which filters are encrypted
            self._certain = False

    def is_awaited(self, age: float, *, seen: bool) -> bool:
        """Whether the stream has records of which none was handled.

        ``age`` is how many seconds ago the mapping was created or enabled, ``seen`` whether the
        function was invoked with records of the stream since.
        """
        if seen:
            self._begun = True
        over = not self._certain and age >= self._patience
        if self._begun or over or not self._records.exist():
            return False
        self._begun = not self._handled_before and self._result() != _NOTHING_YET
        return not self._begun

    def _result(self) -> str:
        client = self._client("lambda")
        answer = ask_unless(_GONE, client, "get_event_source_mapping", UUID=self._uuid)
        return "it is deleted" if answer is None else str(answer.get("LastProcessingResult"))


def stream_of(source_arn: str) -> str:
    """The ARN of an event source, which is that of the stream where it is a consumer's."""
    return source_arn.partition("/consumer/")[0]


def source_of(invocation: Invocation) -> str:
    """The ARN of the stream or the queue whose records a function was invoked with; empty for
    another event."""
    event = invocation.event
    records = event.get("Records") if isinstance(event, dict) else None
    first = records[0] if isinstance(records, list) and records else None
    return stream_of(str(first.get("eventSourceARN", ""))) if isinstance(first, dict) else ""


# -- inside -----------------------------------------------------------------------------


class _Records:
    """The records of a stream that a mapping is to read."""

    def __init__(self, client: Client, mapping: Mapping[str, Any]) -> None:
        arn = stream_of(mapping["EventSourceArn"])
        self._is_table = ":dynamodb:" in arn
        self._stream = {"StreamArn": arn} if self._is_table else {"StreamName": arn.split("/")[1]}
        self._client = partial(client, "dynamodbstreams" if self._is_table else "kinesis")
        self._start = {"ShardIteratorType": "TRIM_HORIZON"}
        if mapping.get("StartingPosition") == "AT_TIMESTAMP":
            moment = mapping["StartingPositionTimestamp"]
            self._start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
        self._places: dict[str, str | None] = {}
        """How far each shard has been read without finding anything; None at the end of one that
        is closed."""
        self._found = False

    def exist(self) -> bool:
        """Whether there are any; once there were, nothing is asked."""
        self._found = self._found or any(map(self._has_some, self._shards()))
        return self._found

    def _has_some(self, shard: str) -> bool:
        if shard not in self._places:
            opened = self._ask("get_shard_iterator", **self._stream, ShardId=shard, **self._start)
            if not opened:
                return False
            self._places[shard] = opened["ShardIterator"]
        for _ in range(_PAGES):
            place = self._places[shard]
            if place is None:
                return False
            page = self._ask("get_records", ShardIterator=place, Limit=_ONE)
            if not page:
                del self._places[shard]
                return False
            if page["Records"]:
                return True
            self._places[shard] = page.get("NextShardIterator")
            if page.get("MillisBehindLatest") == 0:
                return False
        return False

    def _shards(self) -> Iterator[str]:
        more: dict[str, str] | None = self._stream
        while more is not None:
            if self._is_table:
                page = self._ask("describe_stream", **more).get("StreamDescription", {})
                last = page.get("LastEvaluatedShardId")
                more = {**self._stream, "ExclusiveStartShardId": last} if last else None
            else:
                page = self._ask("list_shards", **more)
                token = page.get("NextToken")
                more = {"NextToken": token} if token else None
            yield from (shard["ShardId"] for shard in page.get("Shards", ()))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer; empty where there is none, which another look may have."""
        return ask_unless(_NO_ANSWER, self._client(), method, **parameters) or {}
