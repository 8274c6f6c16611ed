"""The records of a Kinesis stream: putting and reading them through the API's pages."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slstest.calls import ask, ask_unless
from slstest.errors import SlstestError
from slstest.shapes import decode

_RECORDS_PER_REQUEST = 500
_BYTES_PER_REQUEST = 5 * 1024 * 1024
"""AWS takes 10 MiB by now, emulators still 5; one larger record has a request of its own:
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""

_PASSING = ("ProvisionedThroughputExceededException", "InternalFailure")
"""Error codes of single records in a PutRecords response that are worth another try."""


@dataclass(frozen=True)
class Record:
    """A record of a stream."""

    raw: bytes
    """The data as it is in the stream."""
    partition_key: str
    sequence_number: str
    shard_id: str
    arrived: datetime | None = None
    """When the stream took it; None for what ``put`` returns."""

    @property
    def data(self) -> Any:
        """The data decoded: the value where it is JSON, else the text, else the bytes."""
        return decode(self.raw)


class Reader:
    """Reads a stream from its oldest record on; each ``read`` adds what came since."""

    def __init__(self, client: Any, stream: str) -> None:
        self._client = client
        self._stream = stream
        self._iterators: dict[str, str | None] = {}
        self._records: dict[str, list[Record]] = {}

    def read(self) -> list[Record]:
        """Every record so far, shard after shard."""
        for shard in self._shards():
            if shard not in self._records:
                self._records[shard] = []
                self._iterators[shard] = self._iterator(shard)
            self._read_shard(shard)
        return [record for records in self._records.values() for record in records]

    def _shards(self) -> Iterator[str]:
        pages = self._client.get_paginator("list_shards")
        for page in pages.paginate(StreamName=self._stream):
            for shard in page["Shards"]:
                yield shard["ShardId"]

    def _iterator(self, shard: str) -> str:
        read = self._records[shard]
        start = (
            {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": read[-1].sequence_number,
            }
            if read
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        answer = self._client.get_shard_iterator(StreamName=self._stream, ShardId=shard, **start)
        return str(answer["ShardIterator"])

    def _read_shard(self, shard: str) -> None:
        iterator = self._iterators[shard]
        while iterator is not None:
            page = self._get_records(shard, iterator)
            self._records[shard] += [
                Record(
                    record["Data"],
                    record["PartitionKey"],
                    record["SequenceNumber"],
                    shard,
                    record.get("ApproximateArrivalTimestamp"),
                )
                for record in page["Records"]
            ]
            iterator = page.get("NextShardIterator")
            if page.get("MillisBehindLatest", 0) == 0:
                break
        self._iterators[shard] = iterator

    def _get_records(self, shard: str, iterator: str) -> dict[str, Any]:
        expired = ("ExpiredIteratorException",)
        page = ask_unless(expired, self._client, "get_records", ShardIterator=iterator)
        if page is None:
            fresh = self._iterator(shard)
            page = self._client.get_records(ShardIterator=fresh)
        return page


def put_rows(
    client: Any, stream: str, rows: list[dict[str, Any]], *, asked: str, timeout: float
) -> list[Record]:
    """Send records, as PutRecords takes them, in as few requests as its limits allow.

    Those that the stream throttles are sent again for ``timeout`` seconds; ``asked`` names
    the call for the error text.
    """
    return [
        record
        for chunk in _chunks(rows)
        for record in _put_chunk(client, stream, chunk, asked=asked, timeout=timeout)
    ]


def _put_chunk(
    client: Any, stream: str, rows: list[dict[str, Any]], *, asked: str, timeout: float
) -> list[Record]:
    done: dict[int, Record] = {}
    waiting = list(range(len(rows)))
    deadline, pause = time.monotonic() + timeout, 0.05
    while True:
        request = {"StreamName": stream, "Records": [rows[index] for index in waiting]}
        answer = ask(client, "put_records", request, asked=asked)
        failed = {}
        for index, result in zip(waiting, answer["Records"], strict=True):
            if "ErrorCode" in result:
                failed[index] = result
            else:
                done[index] = Record(
                    rows[index]["Data"],
                    rows[index]["PartitionKey"],
                    result["SequenceNumber"],
                    result["ShardId"],
                )
        if not failed:
            return [done[index] for index in range(len(rows))]
        lasting = [result for result in failed.values() if result["ErrorCode"] not in _PASSING]
        if lasting or time.monotonic() + pause > deadline:
            first = next(iter(lasting or failed.values()))
            raise SlstestError(
                f"{asked}: {len(failed)} of {len(rows)} records were not taken: "
                f"{first['ErrorCode']}: {first.get('ErrorMessage', '')}"
            )
        time.sleep(pause)  # a throttled shard takes more only as time passes
        pause = min(pause * 2, 1.0)
        waiting = list(failed)


def size_of(row: Mapping[str, Any]) -> int:
    """The bytes of a record that count against the limits."""
    return len(row["Data"]) + len(row["PartitionKey"].encode())


def _chunks(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        full = len(chunk) == _RECORDS_PER_REQUEST or size + size_of(row) > _BYTES_PER_REQUEST
        if chunk and full:
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += size_of(row)
    if chunk:
        yield chunk
