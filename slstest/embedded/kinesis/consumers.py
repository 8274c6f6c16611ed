"""The operations on registered consumers.

https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
"""

from __future__ import annotations

from typing import Any

from slstest.embedded.kinesis.errors import in_use, invalid_argument, limit_exceeded
from slstest.embedded.kinesis.region import Change, Parameters, Region, Result
from slstest.embedded.kinesis.stream import Consumer, Stream
from slstest.embedded.kinesis.tags import checked_tags
from slstest.embedded.kinesis.tokens import PageToken, page_token
from slstest.embedded.kinesis.wire import Timestamp

_CONSUMERS_PER_STREAM = 20
_PAGE = 100


def register(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html

    The answer says CREATING, as AWS's does; from then on the consumer is active.
    """
    stream, name = region.stream({"StreamARN": params["StreamARN"]}, now), params["ConsumerName"]
    tags = checked_tags(params.get("Tags", {}))
    if name in stream.consumers:
        raise in_use(
            f"Consumer {name} under stream {stream.name} already exists for account "
            f"{stream.account_id}."
        )
    if len(stream.consumers) >= _CONSUMERS_PER_STREAM:
        raise limit_exceeded(
            f"Stream {stream.described} has {len(stream.consumers)} registered consumers. Limit: "
            f"{_CONSUMERS_PER_STREAM}."
        )
    consumer = stream.register(name, tags, now)
    return {"Consumer": _document(consumer, "CREATING")}


def describe(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStreamConsumer.html"""
    _, consumer = _named(region, params, now)
    return {"ConsumerDescription": {**_document(consumer), "StreamARN": consumer.stream_arn}}


def list_consumers(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListStreamConsumers.html"""
    stream = region.stream({"StreamARN": params["StreamARN"]}, now)
    after = ""
    if "NextToken" in params:
        if "StreamCreationTimestamp" in params:
            raise invalid_argument(
                "NextToken and StreamCreationTimestamp cannot be provided together."
            )
        page = page_token(params["NextToken"], now)
        if (page.stream, page.created) != (stream.name, stream.created):
            raise invalid_argument("NextToken is invalid.")
        after = page.after
    created = params.get("StreamCreationTimestamp")
    if created is not None and int(created) != int(stream.created):
        raise region.no_stream(stream.name)
    consumers = [stream.consumers[name] for name in sorted(stream.consumers) if name > after]
    limit = min(params.get("MaxResults", _PAGE), _PAGE)
    result: Result = {"Consumers": [_document(each) for each in consumers[:limit]]}
    if len(consumers) > limit:
        following = PageToken(stream.name, stream.created, consumers[limit - 1].name)
        result["NextToken"] = following.token(now)
    return result


def deregister(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DeregisterStreamConsumer.html"""
    stream, consumer = _named(region, params, now)
    del stream.consumers[consumer.name]
    region.changes.append(Change(consumer.arn, gone=True))


OPERATIONS = {
    "RegisterStreamConsumer": register,
    "DescribeStreamConsumer": describe,
    "ListStreamConsumers": list_consumers,
    "DeregisterStreamConsumer": deregister,
}


def _named(region: Region, params: Parameters, now: float) -> tuple[Stream, Consumer]:
    """The consumer that a request names by its ARN, or by its stream's and its name."""
    arn, stream_arn = params.get("ConsumerARN"), params.get("StreamARN")
    name = params.get("ConsumerName")
    if arn is None and (stream_arn is None or name is None):
        raise invalid_argument("Either ConsumerARN or both StreamARN and ConsumerName are needed.")
    if arn is None:
        stream = region.stream({"StreamARN": stream_arn}, now)
        if name not in stream.consumers:
            raise region.no_consumer(str(name))
        return stream, stream.consumers[str(name)]
    stream, consumer = region.consumer(str(arn), now)
    if stream_arn not in (None, stream.arn) or name not in (None, consumer.name):
        raise invalid_argument(
            f"ConsumerARN {arn} does not agree with the StreamARN or the ConsumerName."
        )
    return stream, consumer


def _document(consumer: Consumer, status: str = "ACTIVE") -> dict[str, Any]:
    return {
        "ConsumerName": consumer.name,
        "ConsumerARN": consumer.arn,
        "ConsumerStatus": status,
        "ConsumerCreationTimestamp": Timestamp(consumer.created),
    }
