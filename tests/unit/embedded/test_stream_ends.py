"""A stream from one end of the cloud to the other: put through the API, handled by a function or
found in the mapping's on-failure bucket, and nowhere else.

The poller alone has a property test with many more examples, in streams/.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

KEYS = ["a", "b", "c"]
BUCKET = "given-up"
PATTERN = {"data": {"wanted": [True]}}


@dataclass(frozen=True)
class Put:
    key: str
    failures: int
    """How often the function fails on it before it succeeds."""
    reported: bool
    wanted: bool


@dataclass(frozen=True)
class Update:
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Split:
    number: int
    """Which of the open shards."""


@dataclass(frozen=True)
class Wait:
    seconds: int


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "BatchSize": draw(st.integers(1, 5)),
        "MaximumRetryAttempts": draw(st.sampled_from([0, 1, 3])),
        "MaximumRecordAgeInSeconds": draw(st.sampled_from([-1, 60])),
        "BisectBatchOnFunctionError": draw(st.booleans()),
        "TumblingWindowInSeconds": draw(st.sampled_from([0, 60])),
    }
    windows = chosen["TumblingWindowInSeconds"]
    return {**chosen, "ParallelizationFactor": 1 if windows else draw(st.sampled_from([1, 4]))}


PUTS = st.builds(
    Put, st.sampled_from(KEYS), st.sampled_from([0, 0, 0, 2, 9]), st.booleans(), st.booleans()
)
STEPS = st.lists(
    st.one_of(
        PUTS,
        PUTS,
        PUTS,
        st.builds(Update, parameters()),
        st.builds(Update, st.fixed_dictionaries({"Enabled": st.booleans()})),
        st.builds(Split, st.integers(0, 3)),
        st.builds(Wait, st.sampled_from([1, 70])),
    ),
    max_size=12,
)


def data_of(record: Any) -> Any:
    return json.loads(base64.b64decode(record["kinesis"]["data"]))


def split(aws: Aws, stream: str, number: int) -> None:
    """Split one of a stream's open shards in the middle."""
    shards = [
        shard
        for shard in aws.kinesis.list_shards(StreamName=stream)["Shards"]
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    ]
    shard = shards[number % len(shards)]
    low, high = (int(each) for each in shard["HashKeyRange"].values())
    aws.kinesis.split_shard(
        StreamName=stream,
        ShardToSplit=shard["ShardId"],
        NewStartingHashKey=str((low + high) // 2 + 1),
    )


class Function:
    """Fails on records as often as each says. Lambda puts the numbers of those into
    ``processed`` that it takes for handled."""

    def __init__(self) -> None:
        self.left: Counter[int] = Counter()
        self.processed: list[int] = []

    def __call__(self, event: Any) -> Any:
        state = {"state": event["state"]} if "window" in event else {}
        for position, record in enumerate(event["Records"]):
            data = data_of(record)
            if self.left[data["number"]]:
                self.left[data["number"]] -= 1
                if not data["reported"]:
                    raise ValueError("not yet")
                self._process(event["Records"][:position])
                number = record["kinesis"]["sequenceNumber"]
                return {**state, "batchItemFailures": [{"itemIdentifier": number}]}
        self._process(event["Records"])
        return state

    def _process(self, records: Any) -> None:
        self.processed += [data_of(record)["number"] for record in records]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(beginning=parameters(), steps=STEPS, filtered=st.booleans())
def test_every_record_is_handled_or_given_up_or_filtered(
    aws: Aws, beginning: dict[str, Any], steps: list[Any], filtered: bool
) -> None:
    s3 = aws.cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    function = Function()
    aws.runtime.handler = function
    stream = aws.stream(shard_count=2)
    mapping = aws.map(
        stream,
        aws.function(),
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{BUCKET}"}},
        FilterCriteria={"Filters": [{"Pattern": json.dumps(PATTERN)}] if filtered else []},
        **beginning,
    )
    puts: dict[int, Put] = {}
    for number, step in enumerate(steps):
        if isinstance(step, Put):
            puts[number] = step
            function.left[number] = step.failures
            data = {"number": number, "wanted": step.wanted, "reported": step.reported}
            aws.put(stream, json.dumps(data), key=step.key)
        elif isinstance(step, Split):
            split(aws, stream, step.number)
        elif isinstance(step, Update):
            aws.lambda_.update_event_source_mapping(UUID=mapping, **step.parameters)
        else:
            aws.advance(step.seconds)
    aws.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
    aws.settle()

    given_up: list[int] = []
    for stored in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        document = json.load(s3.get_object(Bucket=BUCKET, Key=stored["Key"])["Body"])
        records = json.loads(document["payload"])["Records"]
        assert document["KinesisBatchInfo"]["batchSize"] == len(records)
        given_up += [data_of(record)["number"] for record in records]
        s3.delete_object(Bucket=BUCKET, Key=stored["Key"])
    s3.delete_bucket(Bucket=BUCKET)
    aws.lambda_.delete_event_source_mapping(UUID=mapping)
    expected = [number for number, put in puts.items() if put.wanted or not filtered]
    assert sorted(function.processed + given_up) == expected
    for key in KEYS:
        order = [number for number in function.processed if puts[number].key == key]
        assert order == sorted(order)
