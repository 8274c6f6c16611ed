"""The resources of a cloud that have our tags.

Each service is asked for what has a name of ours, and that for its tags. The Resource Groups
Tagging API would need fewer requests, but does not know every kind, and on emulators not every
resource: https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slstest.calls import ask_unless
from slstest.clouds.base import Cloud
from slstest.functions import mapping, role
from slstest.functions.deployment import LOG_GROUP
from slstest.functions.function import Function
from slstest.ledger import Entry
from slstest.moments import moment
from slstest.naming import PREFIX, ROLE_PATH
from slstest.resources.bucket import Bucket
from slstest.resources.queue import Queue
from slstest.resources.stream import Stream
from slstest.resources.table import Table
from slstest.resources.topic import Topic
from slstest.sweep.found import Tagged

RUN_TAG = "slstest:run"
"""Every resource of ours has it."""

_OURS = f"{PREFIX}-"
_GONE = ("ResourceNotFoundException",)
_NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_NO_TAGS = ("NoSuchTagSet", "NoSuchTagSetError", "NoSuchBucket")
_NO_TOPIC = ("NotFound", "ResourceNotFound")


@dataclass(frozen=True)
class _Resource:
    """A resource with a name of ours."""

    kind: str
    name: str
    tags: Mapping[str, str]
    created: float | None = None
    detail: dict[str, str] = field(default_factory=dict)


def find_tagged(cloud: Cloud, service: str) -> Iterator[Tagged]:
    """The resources of one of :data:`SERVICES` that have our tags.

    Raises the errors of boto3.
    """
    for resource in _LISTERS[service](cloud):
        tags = resource.tags
        if RUN_TAG not in tags:
            continue
        entry = Entry(
            number=0,
            kind=resource.kind,
            name=resource.name,
            run=tags[RUN_TAG],
            worker=tags.get("slstest:worker", ""),
            environment=tags.get("slstest:test", ""),
            cloud=cloud.name,
            endpoint_url=cloud.endpoint_url,
            region=cloud.region,
            account_id=cloud.account_id,
            pid=0,
            time=resource.created or 0.0,
            detail=resource.detail,
        )
        yield Tagged(entry, resource.created, moment(tags.get("slstest:expiry", "")))


# -- inside -----------------------------------------------------------------------------


def _functions(cloud: Cloud) -> Iterator[_Resource]:
    """Functions, and mappings, which do not go with their functions."""
    client = cloud.client("lambda")
    found: dict[str, Mapping[str, str]] = {}
    for told in _pages(client, "list_functions", "Functions"):
        name = told["FunctionName"]
        if not name.startswith(_OURS):
            continue
        answer = ask_unless(_GONE, client, "list_tags", Resource=told["FunctionArn"])
        if answer is None:
            continue
        tags, changed = answer.get("Tags", {}), moment(told["LastModified"].replace("+0000", "Z"))
        found[name] = tags
        yield _Resource(Function.kind, name, tags, changed)
    for told in _pages(client, "list_event_source_mappings", "EventSourceMappings"):
        name = told["FunctionArn"].split(":")[6]
        if not name.startswith(_OURS) or told.get("State") == "Deleting":
            continue
        if name in found:
            tags = found[name]
        elif arn := told.get("EventSourceMappingArn"):  # the function has been deleted
            tags = (ask_unless(_GONE, client, "list_tags", Resource=arn) or {}).get("Tags", {})
        else:
            continue
        if RUN_TAG not in tags:
            continue
        source = told.get("EventSourceArn", "")  # of a self-managed Kafka there is none
        detail = {"uuid": told["UUID"], "function": name, "source": source}
        told_as = f"{source or told['UUID']} -> {name}"
        changed = told["LastModified"].timestamp()
        yield _Resource(mapping.KIND, told_as, tags, changed, detail)


def _buckets(cloud: Cloud) -> Iterator[_Resource]:
    client = cloud.client("s3")
    for told in _pages(client, "list_buckets", "Buckets", Prefix=_OURS, BucketRegion=cloud.region):
        if told["Name"].startswith(_OURS):
            answer = ask_unless(_NO_TAGS, client, "get_bucket_tagging", Bucket=told["Name"])
            tags = _as_dict((answer or {}).get("TagSet", ()))
            yield _Resource(Bucket.kind, told["Name"], tags, told["CreationDate"].timestamp())


def _tables(cloud: Cloud) -> Iterator[_Resource]:
    client = cloud.client("dynamodb")
    for name in _pages(client, "list_tables", "TableNames"):
        if not name.startswith(_OURS):
            continue
        answer = ask_unless(_GONE, client, "describe_table", TableName=name)
        if answer is None or answer["Table"]["TableStatus"] == "DELETING":
            continue
        table = answer["Table"]
        tags = ask_unless(
            _GONE, client, "list_tags_of_resource", ResourceArn=table["TableArn"]
        ) or {"Tags": ()}
        created = table["CreationDateTime"].timestamp()
        yield _Resource(Table.kind, name, _as_dict(tags.get("Tags", ())), created)


def _streams(cloud: Cloud) -> Iterator[_Resource]:
    client = cloud.client("kinesis")
    for name in _pages(client, "list_streams", "StreamNames"):
        if not name.startswith(_OURS):
            continue
        answer = ask_unless(_GONE, client, "describe_stream_summary", StreamName=name)
        tags = ask_unless(_GONE, client, "list_tags_for_stream", StreamName=name)
        if answer is None or tags is None:
            continue
        stream = answer["StreamDescriptionSummary"]
        if stream["StreamStatus"] != "DELETING":
            created = stream["StreamCreationTimestamp"].timestamp()
            yield _Resource(Stream.kind, name, _as_dict(tags["Tags"]), created)


def _queues(cloud: Cloud) -> Iterator[_Resource]:
    client = cloud.client("sqs")
    # Unlike the others SQS says that there is more only where a number was asked for:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html
    asked = {"QueueNamePrefix": _OURS, "PaginationConfig": {"PageSize": 1000}}
    for url in _pages(client, "list_queues", "QueueUrls", **asked):
        name = url.rpartition("/")[2]
        wanted = ["CreatedTimestamp"]
        answer = ask_unless(
            _NO_QUEUE, client, "get_queue_attributes", QueueUrl=url, AttributeNames=wanted
        )
        tags = ask_unless(_NO_QUEUE, client, "list_queue_tags", QueueUrl=url)
        if answer is not None and tags is not None and name.startswith(_OURS):
            created = float(answer["Attributes"]["CreatedTimestamp"])
            yield _Resource(Queue.kind, name, tags.get("Tags", {}), created)


def _topics(cloud: Cloud) -> Iterator[_Resource]:
    client = cloud.client("sns")
    for told in _pages(client, "list_topics", "Topics"):
        arn = told["TopicArn"]
        name = arn.rpartition(":")[2]
        if not name.startswith(_OURS):
            continue
        answer = ask_unless(_NO_TOPIC, client, "list_tags_for_resource", ResourceArn=arn)
        tags = _as_dict((answer or {}).get("Tags", ()))
        yield _Resource(Topic.kind, name, tags, None, {"arn": arn})


def _roles(cloud: Cloud) -> Iterator[_Resource]:
    """Roles of functions, in whatever region these are."""
    if not cloud.needs_roles:
        return
    client = cloud.client("iam")
    for told in _pages(client, "list_roles", "Roles", PathPrefix=ROLE_PATH):
        name = told["RoleName"]
        answer = ask_unless(("NoSuchEntity",), client, "list_role_tags", RoleName=name)
        if answer is not None and name.startswith(_OURS):
            created = told["CreateDate"].timestamp()
            yield _Resource(role.KIND, name, _as_dict(answer["Tags"]), created)


def _log_groups(cloud: Cloud) -> Iterator[_Resource]:
    if not cloud.needs_roles:  # elsewhere they come into being without tags
        return
    client = cloud.client("logs")
    prefix = f"/aws/lambda/{_OURS}"
    for told in _pages(client, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
        arn = told["arn"].removesuffix(":*")
        answer = ask_unless(_GONE, client, "list_tags_for_resource", resourceArn=arn)
        if answer is not None:
            created = told["creationTime"] / 1000
            yield _Resource(LOG_GROUP, told["logGroupName"], answer.get("tags", {}), created)


_LISTERS: Mapping[str, Callable[[Cloud], Iterator[_Resource]]] = {
    "lambda": _functions,
    "s3": _buckets,
    "dynamodb": _tables,
    "kinesis": _streams,
    "sqs": _queues,
    "sns": _topics,
    "logs": _log_groups,
    "iam": _roles,
}

SERVICES = tuple(_LISTERS)
"""The services, by boto3's names, whose resources are found."""


def _pages(client: Any, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**parameters):
        yield from page.get(key, ())


def _as_dict(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
