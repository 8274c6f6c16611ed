"""How requests to Kinesis are read, in JSON and in CBOR, and what is refused."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from slstest.embedded.kinesis import cbor
from slstest.embedded.kinesis.wire import Timestamp
from slstest.embedded.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from tests.unit.embedded.kinesis.conftest import World

CBOR = "application/x-amz-cbor-1.1"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.binary()
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def ask(world: World, operation: str, body: bytes, content_type: str) -> AwsResponse:
    headers = {"Content-Type": content_type, "X-Amz-Target": f"Kinesis_20131202.{operation}"}
    return world.service.handle(
        AwsRequest(
            "POST", "http://127.0.0.1/", headers, body, "kinesis", "us-east-1", "A", operation
        )
    )


def ask_in_cbor(world: World, operation: str, params: dict[str, Any]) -> tuple[int, Any]:
    answer = ask(world, operation, cbor.dumps(params), CBOR)
    assert answer.headers["Content-Type"] == CBOR
    return answer.status, cbor.loads(answer.body) if answer.body else None


# -- CBOR ---------------------------------------------------------------------------------------


@given(VALUES)
def test_what_is_written_in_cbor_is_read_back(value: Any) -> None:
    assert cbor.loads(cbor.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00", 0),
        ("1903e8", 1000),
        ("1bffffffffffffffff", 18446744073709551615),
        ("3903e7", -1000),
        ("f93c00", 1.0),
        ("fa47c35000", 100000.0),
        ("fb3ff199999999999a", 1.1),
        ("f4", False),
        ("f6", None),
        ("f7", None),
        ("4401020304", b"\x01\x02\x03\x04"),
        ("63e6b0b4", "\u6c34"),
        ("83010203", [1, 2, 3]),
        ("a26161016162820203", {"a": 1, "b": [2, 3]}),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf6346756ef563416d7421ff", {"Fun": True, "Amt": -2}),
        ("c11b0000018bcfe56800", 1_700_000_000.0),
        ("c24401020304", b"\x01\x02\x03\x04"),
    ],
)
def test_cbor_is_read_as_rfc_8949_has_it(text: str, value: Any) -> None:
    """The examples of https://www.rfc-editor.org/rfc/rfc8949.html#name-examples-of-encoded-cbor-da,
    and a moment as the AWS SDKs write it."""
    assert cbor.loads(bytes.fromhex(text)) == value


@pytest.mark.parametrize("text", ["", "19", "5903", "ff", "1c", "0000", "a1", "81", "61ff", "f8"])
def test_what_is_no_cbor_is_refused(text: str) -> None:
    with pytest.raises(cbor.CborError):
        cbor.loads(bytes.fromhex(text))


def test_a_moment_is_written_in_milliseconds_under_tag_1() -> None:
    assert cbor.dumps(Timestamp(1_700_000_000.25)) == b"\xc1\x1b" + struct.pack(
        ">Q", 1_700_000_000_250
    )


def test_kinesis_is_spoken_in_cbor(world: World) -> None:
    assert ask_in_cbor(world, "CreateStream", {"StreamName": "s", "ShardCount": 1}) == (200, None)
    began = world.scheduler.now()
    entries = [{"Data": data, "PartitionKey": "k"} for data in (b"\x00", b"\xff")]
    status, put = ask_in_cbor(world, "PutRecords", {"StreamName": "s", "Records": entries})
    assert (status, put["FailedRecordCount"], len(put["Records"])) == (200, 0, 2)
    where = {"StreamName": "s", "ShardId": "shardId-000000000000"}
    at = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": Timestamp(began)}
    _, iterator = ask_in_cbor(world, "GetShardIterator", {**where, **at})
    _, page = ask_in_cbor(world, "GetRecords", iterator)
    assert [record["Data"] for record in page["Records"]] == [b"\x00", b"\xff"]
    assert page["Records"][0]["ApproximateArrivalTimestamp"] == began


def test_errors_are_told_in_cbor(world: World) -> None:
    status, error = ask_in_cbor(world, "DescribeStream", {"StreamName": "nowhere"})
    assert status == 400
    assert error == {
        "__type": "ResourceNotFoundException",
        "message": "Stream nowhere under account 123456789012 not found.",
    }


# -- what cannot be read ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        ("DescribeStream", "{"),
        ("DescribeStream", "[]"),
        ("DescribeStream", '{"StreamName": 1}'),
        ("DescribeStream", '{"StreamName": "s", "Limit": "1"}'),
        ("DescribeStream", '{"StreamName": "s", "Limit": true}'),
        ("DeleteStream", '{"StreamName": "s", "EnforceConsumerDeletion": "yes"}'),
        ("AddTagsToStream", '{"StreamName": "s", "Tags": ["a"]}'),
        ("PutRecords", '{"StreamName": "s", "Records": {}}'),
        ("PutRecords", '{"StreamName": "s", "Records": [1]}'),
        ("PutRecord", '{"StreamName": "s", "PartitionKey": "k", "Data": "a"}'),
        ("PutRecord", '{"StreamName": "s", "PartitionKey": "k", "Data": "a!=="}'),
        ("PutRecord", '{"StreamName": "s", "PartitionKey": "k", "Data": 1}'),
        ("ListShards", '{"StreamName": "s", "StreamCreationTimestamp": "now"}'),
    ],
)
def test_what_cannot_be_read_is_refused(world: World, operation: str, document: str) -> None:
    answer = ask(world, operation, document.encode(), "application/x-amz-json-1.1")
    assert answer.status == 400
    assert json.loads(answer.body)["__type"] == "SerializationException"


def test_members_that_are_null_are_as_if_they_were_not_there(world: World) -> None:
    body = json.dumps({"StreamName": "s", "ShardCount": 1, "Tags": None}).encode()
    assert ask(world, "CreateStream", body, "application/x-amz-json-1.1").status == 200


def test_data_is_base64_in_json(world: World) -> None:
    stream = world.stream()
    data = base64.b64encode(bytes(range(256))).decode()
    body = {"StreamName": stream, "PartitionKey": "k", "Data": data}
    assert ask(world, "PutRecord", json.dumps(body).encode(), "application/json").status == 200
    assert world.read(world.iterator(stream))["Records"][0]["Data"] == bytes(range(256))


# -- what is not built --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "params", "named"),
    [
        ("create_stream", {"WarmThroughputMiBps": 8}, "WarmThroughputMiBps"),
        ("create_stream", {"RecordDistributionStrategy": "AUTO"}, "RecordDistributionStrategy"),
        ("put_record", {"Data": b"", "PartitionKey": "k", "DryRun": True}, "DryRun"),
    ],
)
def test_a_parameter_that_is_not_built_is_refused(
    world: World, method: str, params: dict[str, Any], named: str
) -> None:
    operation = world.api.meta.service_model.operation_model(
        world.api.meta.method_to_api_mapping[method]
    )
    if named not in operation.input_shape.members:
        pytest.skip(f"this botocore does not know {named}")
    client = world.client(config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as error:
        getattr(client, method)(StreamName="s", **params)
    code, message = world.refused(error)
    assert code == "NotImplemented"
    assert f"the embedded cloud does not have {named}, which " in message


def test_what_aws_reserves_for_later_is_refused(world: World) -> None:
    body = json.dumps({"StreamName": world.stream(), "StreamId": "a" * 20 + "-abc"}).encode()
    answer = ask(world, "DescribeStream", body, "application/x-amz-json-1.1")
    known = world.api.meta.service_model.operation_model("DescribeStream").input_shape.members
    assert (answer.status == 501) == ("StreamId" in known)


def test_an_operation_that_is_not_built_is_refused(world: World) -> None:
    arn = f"{world.arn('s')}/consumer/c:1"
    with pytest.raises(ClientError) as error:
        world.api.subscribe_to_shard(
            ConsumerARN=arn, ShardId="shardId-0", StartingPosition={"Type": "LATEST"}
        )
    code, message = world.refused(error)
    assert code == "NotImplemented"
    assert "the embedded cloud does not have the operation SubscribeToShard of Kinesis" in message
