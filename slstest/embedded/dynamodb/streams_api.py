"""The API of DynamoDB Streams.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html
"""

from __future__ import annotations

import base64
import json
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slstest.embedded.constraints import broken_constraints, detected
from slstest.embedded.dynamodb.streams import ChangeStream, ChangeStreams, Trimmed
from slstest.embedded.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from botocore.model import ServiceModel

Parameters = Mapping[str, Any]

_ITERATOR_LIFETIME = 15 * 60.0
"""Seconds."""

_LIMITS = {"DescribeStream": 100, "GetRecords": 1_000, "ListStreams": 100}
"""What Limit may be at most, and is where it is not given."""

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "timestamp": (int, float),
    "structure": dict,
}

_WITH_SEQUENCE_NUMBER = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class _Iterator:
    """A place in a shard, which the text that stands for it tells in full."""

    stream_arn: str
    shard_id: str
    number: int
    """The lowest sequence number that may still be read."""
    issued: float

    @property
    def text(self) -> str:
        content = json.dumps([self.shard_id, self.number, self.issued, uuid.uuid4().hex])
        return f"{self.stream_arn}|1|{base64.b64encode(content.encode()).decode()}"

    @staticmethod
    def of(text: str) -> _Iterator:
        try:
            stream_arn, _, content = text.split("|")
            shard_id, number, issued, _ = json.loads(base64.b64decode(content, validate=True))
            return _Iterator(stream_arn, str(shard_id), int(number), float(issued))
        except (ValueError, TypeError) as error:
            raise _invalid("Invalid ShardIterator") from error


class StreamsApi:
    """Answers the requests of DynamoDB Streams."""

    def __init__(
        self,
        streams: ChangeStreams,
        model: Callable[[], ServiceModel],
        now: Callable[[], float],
    ) -> None:
        """``model`` loads botocore's model of the service."""
        self._streams = streams
        self._load_model = model
        self._now = now
        self._operations: Mapping[str, Callable[[Parameters, str], dict[str, Any]]] = {
            "DescribeStream": self._describe_stream,
            "GetRecords": self._get_records,
            "GetShardIterator": self._get_shard_iterator,
            "ListStreams": self._list_streams,
        }

    def answer(self, request: AwsRequest) -> AwsResponse:
        operation = self._operations.get(request.operation)
        if operation is None:
            return request.error(400, "UnknownOperationException", "")
        try:
            params = self._params(request)
            with self._streams.lock:
                result = operation(params, request.region)
        except _Refused as error:
            return request.error(400, error.code, error.message)
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "x-amzn-RequestId": str(uuid.uuid4()),
        }
        return AwsResponse(200, headers, json.dumps(result).encode())

    # -- operations -----------------------------------------------------------------------

    def _list_streams(self, params: Parameters, region: str) -> dict[str, Any]:
        after = params.get("ExclusiveStartStreamArn", "")
        if after:
            _check_arn(after)
        table = params.get("TableName")
        found = [
            stream
            for stream in self._streams.all(region)
            if stream.arn > after and table in (None, stream.table.name, stream.table.arn)
        ]
        limit = _limit("ListStreams", params)
        result: dict[str, Any] = {
            "Streams": [
                {
                    "StreamArn": stream.arn,
                    "TableName": stream.table.name,
                    "StreamLabel": stream.label,
                }
                for stream in found[:limit]
            ]
        }
        if len(found) > limit:
            result["LastEvaluatedStreamArn"] = found[limit - 1].arn
        return result

    def _describe_stream(self, params: Parameters, region: str) -> dict[str, Any]:
        stream = self._stream(params["StreamArn"], region)
        _limit("DescribeStream", params)
        numbers = {"StartingSequenceNumber": str(stream.first_number)}
        if stream.last_number is not None:
            numbers["EndingSequenceNumber"] = str(stream.last_number)
        shard = {"ShardId": stream.shard_id, "SequenceNumberRange": numbers}
        # No shard is the child of another, which is what a ShardFilter asks for.
        asked = "ShardFilter" not in params
        shown = asked and stream.shard_id > params.get("ExclusiveStartShardId", "")
        return {
            "StreamDescription": {
                "StreamArn": stream.arn,
                "StreamLabel": stream.label,
                "StreamStatus": stream.status,
                "StreamViewType": stream.view_type,
                "CreationRequestDateTime": stream.created,
                "TableName": stream.table.name,
                "KeySchema": stream.table.key_schema,
                "Shards": [shard] if shown else [],
            }
        }

    def _get_shard_iterator(self, params: Parameters, region: str) -> dict[str, Any]:
        stream = self._stream(params["StreamArn"], region)
        if params["ShardId"] != stream.shard_id:
            raise _not_found("Shard does not exist")
        number = self._number(stream, params)
        try:
            stream.index_of(number)
        except Trimmed as error:
            raise _trimmed() from error
        return {"ShardIterator": self._iterator(stream, number)}

    def _get_records(self, params: Parameters, region: str) -> dict[str, Any]:
        limit = _limit("GetRecords", params)
        iterator = _Iterator.of(params["ShardIterator"])
        stream = self._stream(iterator.stream_arn, region)
        if iterator.shard_id != stream.shard_id:
            raise _invalid("Invalid ShardIterator")
        if self._now() >= iterator.issued + _ITERATOR_LIFETIME:
            raise _Refused(
                "ExpiredIteratorException",
                "Iterator expired. A shard iterator expires 15 minutes after it was given out.",
            )
        try:
            found = stream.page(iterator.number, limit)
        except Trimmed as error:
            raise _trimmed() from error
        following = found[-1].number + 1 if found else iterator.number
        result: dict[str, Any] = {"Records": [record.document for record in found]}
        if stream.last_number is None or stream.index_of(following) < len(stream.records):
            result["NextShardIterator"] = self._iterator(stream, following)
        return result

    # -- inside -------------------------------------------------------------------------

    @cached_property
    def _model(self) -> ServiceModel:
        return self._load_model()

    def _params(self, request: AwsRequest) -> dict[str, Any]:
        operation = self._model.operation_model(request.operation)
        try:
            params = json.loads(request.content() or b"{}")
        except ValueError as error:
            raise _Refused("SerializationException", str(error)) from error
        if not isinstance(params, dict):
            raise _Refused("SerializationException", "the request is no JSON object")
        members = operation.input_shape.members if operation.input_shape else {}
        params = {name: params[name] for name in members if params.get(name) is not None}
        for name, value in params.items():
            kind = members[name].type_name
            if not isinstance(value, _TYPES[kind]) or isinstance(value, bool):
                raise _Refused("SerializationException", f"{name} is no {kind}")
        problems = broken_constraints(operation, params)
        if problems:
            raise _invalid(detected(problems))
        return params

    def _stream(self, arn: str, region: str) -> ChangeStream:
        _check_arn(arn)
        stream = self._streams.find(arn, region)
        if stream is None:
            raise _not_found(f"Stream: {arn} not found")
        return stream

    def _number(self, stream: ChangeStream, params: Parameters) -> int:
        """The lowest sequence number that an iterator is to begin with."""
        kind = params["ShardIteratorType"]
        given = params.get("SequenceNumber")
        if (given is not None) != (kind in _WITH_SEQUENCE_NUMBER):
            needs = "needs" if given is None else "does not take"
            raise _invalid(f"ShardIteratorType {kind} {needs} a SequenceNumber")
        if ("Timestamp" in params) != (kind == "AT_TIMESTAMP"):
            needs = "needs" if kind == "AT_TIMESTAMP" else "does not take"
            raise _invalid(f"ShardIteratorType {kind} {needs} a Timestamp")
        if kind == "TRIM_HORIZON":
            return stream.trimmed_before
        if kind == "LATEST":
            return self._streams.coming_number
        if kind == "AT_TIMESTAMP":
            return self._number_at(stream, params["Timestamp"])
        number = int(given) if given is not None and given.isdecimal() else -1
        if not stream.first_number <= number < self._streams.coming_number:
            raise _invalid(f"Invalid SequenceNumber: {given} is not of shard {stream.shard_id}")
        return number if kind == "AT_SEQUENCE_NUMBER" else number + 1

    def _number_at(self, stream: ChangeStream, timestamp: float) -> int:
        """ "The iterator points to the first stream record whose ApproximateCreationDateTime is at
        or after the specified timestamp", and that is told in whole seconds."""
        if timestamp > self._now():
            raise _invalid("Timestamp must not be in the future")
        for record in stream.records:
            if math.floor(record.created) >= timestamp:
                return record.number
        return self._streams.coming_number

    def _iterator(self, stream: ChangeStream, number: int) -> str:
        return _Iterator(stream.arn, stream.shard_id, number, self._now()).text


def _limit(operation: str, params: Parameters) -> int:
    highest = _LIMITS[operation]
    limit: int = params.get("Limit", highest)
    if limit > highest:
        raise _invalid(
            detected(
                [
                    f"Value '{limit}' at 'limit' failed to satisfy constraint: "
                    f"Member must have value less than or equal to {highest}"
                ]
            )
        )
    return limit


def _check_arn(arn: str) -> None:
    if not arn.startswith("arn:") or ":dynamodb:" not in arn or "/stream/" not in arn:
        raise _invalid(f"Invalid StreamArn: {arn}")


def _invalid(message: str) -> _Refused:
    return _Refused("ValidationException", message)


def _not_found(what: str) -> _Refused:
    return _Refused("ResourceNotFoundException", f"Requested resource not found: {what}")


def _trimmed() -> _Refused:
    return _Refused(
        "TrimmedDataAccessException", "The data you are trying to access has been trimmed."
    )
