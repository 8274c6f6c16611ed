"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html"""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from slstest.embedded.s3_notifications import document, events
from slstest.embedded.s3_notifications.configuration import Rule, check_rule, check_together
from slstest.embedded.s3_notifications.errors import Refused

QUEUE = "arn:aws:sqs:us-east-1:123456789012:queue"
TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def rule(*types: str, prefix: str | None = None, suffix: str | None = None, id: str = "id") -> Rule:
    parts = {"Prefix": prefix, "Suffix": suffix}
    filters = tuple((name, value) for name, value in parts.items() if value is not None)
    return Rule(id, "Queue", QUEUE, types or ("s3:ObjectCreated:*",), filters)


def to(kind: str, arn: str) -> Rule:
    return Rule("id", kind, arn, ("s3:ObjectCreated:*",))


def xml(inside: str) -> bytes:
    return (
        '<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{inside}</NotificationConfiguration>"
    ).encode()


# -- types of events --------------------------------------------------------------------


MODEL: Any = botocore.session.get_session().get_service_model("s3")
NAMES: list[str] = MODEL.shape_for("Event").enum


@pytest.mark.parametrize("name", NAMES)
def test_every_type_that_aws_has_is_either_caused_here_or_refused_with_the_reason(
    name: str,
) -> None:
    if any(events.covers(name, caused) for caused in events.CAUSED):
        events.check(name)
        return
    with pytest.raises(Refused) as error:
        events.check(name)
    assert (error.value.status, error.value.code) == (501, "NotImplemented")
    assert f"so {name} would never come; leave this type of event out" in error.value.message


@pytest.mark.parametrize(
    "family",
    ["Replication:*", "LifecycleExpiration:*", "LifecycleTransition", "IntelligentTiering"],
)
def test_what_never_happens_here_is_not_among_the_caused(family: str) -> None:
    assert not any(events.covers(f"s3:{family}", caused) for caused in events.CAUSED)


@pytest.mark.parametrize(
    "name",
    ["ObjectCreated:Put", "s3:*", "s3:ObjectAcl:*", "s3:ObjectCreated", "s3:objectcreated:*"],
)
def test_a_type_that_aws_does_not_have_is_refused_as_aws_does(name: str) -> None:
    with pytest.raises(Refused) as error:
        events.check(name)
    assert (error.value.status, error.value.code) == (400, "InvalidArgument")
    assert error.value.message == "The event is not supported for notifications"
    assert error.value.details == {"ArgumentName": "Event", "ArgumentValue": name}


def test_a_wildcard_covers_its_family() -> None:
    assert events.covers("s3:ObjectCreated:*", "s3:ObjectCreated:Put")
    assert events.covers("s3:ObjectCreated:Put", "s3:ObjectCreated:Put")
    assert not events.covers("s3:ObjectCreated:Put", "s3:ObjectCreated:Post")
    assert not events.covers("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete")


# -- filters ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "key", "matches"),
    [
        ({}, "anything", True),
        ({"prefix": ""}, "anything", True),
        ({"prefix": "a/"}, "a/b", True),
        ({"prefix": "a/"}, "A/b", False),
        ({"prefix": "a+b"}, "a b", True),
        ({"prefix": "a+b"}, "a+b", False),
        ({"prefix": "a%2Bb%2f"}, "a+b/", True),
        ({"prefix": "a=b"}, "a=b", False),
        ({"prefix": "a%3Db"}, "a=b", True),
        ({"suffix": ".jpg"}, "a.jpg", True),
        ({"suffix": ".jpg"}, "a.jpg.txt", False),
        ({"suffix": "%C3%A9"}, "é", True),
        ({"suffix": "é"}, "é", False),
        ({"prefix": "ab", "suffix": "ba"}, "aba", True),
        ({"prefix": "*"}, "anything", False),
    ],
)
def test_a_filter_is_a_part_of_the_key_url_encoded(
    filters: dict[str, str], key: str, matches: bool
) -> None:
    assert rule(**filters).matches("s3:ObjectCreated:Put", key) is matches
    assert not rule(**filters).matches("s3:ObjectRemoved:Delete", key)


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (rule(prefix="a"), rule(prefix="ab"), True),
        (rule(prefix="a"), rule(prefix="b"), False),
        (rule(suffix="a"), rule(suffix="ba"), True),
        (rule(suffix="a"), rule(suffix="b"), False),
        (rule(prefix="a"), rule(suffix="b"), True),
        (rule(prefix="a", suffix="a"), rule(prefix="a", suffix="b"), False),
        (rule(prefix="a", suffix="a"), rule(prefix="b", suffix="a"), False),
        (rule(prefix="+"), rule(prefix="%20x"), True),
        (rule("s3:ObjectCreated:Put"), rule("s3:ObjectCreated:*"), True),
        (rule("s3:ObjectCreated:Put"), rule("s3:ObjectCreated:Post"), False),
        (rule("s3:ObjectRemoved:*", "s3:ObjectAcl:Put"), rule("s3:ObjectAcl:Put"), True),
    ],
)
def test_rules_overlap_where_an_event_could_be_of_both(
    first: Rule, second: Rule, overlap: bool
) -> None:
    assert first.overlaps(second) is overlap
    assert second.overlaps(first) is overlap


# -- what is refused --------------------------------------------------------------------


def test_types_of_one_rule_do_not_overlap() -> None:
    with pytest.raises(Refused, match="cannot share a common event type"):
        check_rule(rule("s3:ObjectCreated:Put", "s3:ObjectCreated:*"), "us-east-1")


def test_a_rule_has_one_prefix_and_one_suffix() -> None:
    twice = Rule("id", "Queue", QUEUE, ("s3:ObjectAcl:Put",), (("Suffix", "a"), ("Suffix", "b")))
    with pytest.raises(Refused, match="Cannot specify more than one suffix rule in a filter"):
        check_rule(twice, "us-east-1")


@pytest.mark.parametrize(
    ("kind", "arn", "problem"),
    [
        ("Queue", "queue", "The ARN could not be parsed"),
        ("Queue", "arn:aws:sqs:us-east-1:123456789012:", "The ARN could not be parsed"),
        ("Queue", f"{QUEUE}.fifo", "FIFO SQS queues are not supported."),
        ("Queue", FUNCTION, "The ARN failed to satisfy constraint: Member must satisfy"),
        ("Queue", QUEUE + "q" * 80, "The ARN failed to satisfy constraint: Member must satisfy"),
        ("Topic", f"{TOPIC}.fifo", "The ARN failed to satisfy constraint: Member must satisfy"),
        ("CloudFunction", QUEUE, "The ARN failed to satisfy constraint: Member must satisfy"),
        ("CloudFunction", FUNCTION.replace("east", "west"), "region is not valid for the bucket"),
    ],
)
def test_an_arn_must_be_that_of_a_destination(kind: str, arn: str, problem: str) -> None:
    with pytest.raises(Refused) as error:
        check_rule(to(kind, arn), "us-east-1")
    assert problem in error.value.message
    assert error.value.details == {"ArgumentName": kind, "ArgumentValue": arn}


@pytest.mark.parametrize(
    "arn", [FUNCTION, f"{FUNCTION}:$LATEST", f"{FUNCTION}:1", f"{FUNCTION}:prod"]
)
def test_a_function_may_have_a_qualifier(arn: str) -> None:
    check_rule(to("CloudFunction", arn), "us-east-1")


def test_there_are_a_hundred_rules_at_most() -> None:
    rules = tuple(rule(prefix=f"{number:03d}", id=str(number)) for number in range(101))
    check_together(rules[:100])
    with pytest.raises(Refused) as error:
        check_together(rules)
    assert error.value.code == "InvalidRequest"


def test_ids_are_unique() -> None:
    with pytest.raises(Refused, match="Same ID used for multiple configurations"):
        check_together((rule(prefix="a"), rule(prefix="b")))


# -- the document -----------------------------------------------------------------------


def test_a_document_is_read_as_it_is_written() -> None:
    rules = (
        rule("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete", prefix="a<b", suffix="", id="1"),
        Rule("2", "CloudFunction", FUNCTION, ("s3:ObjectAcl:Put",)),
    )
    assert document.read(document.write(rules)) == rules


def test_a_rule_without_an_id_gets_one_of_its_own() -> None:
    inside = f"<QueueConfiguration><Queue>{QUEUE}</Queue><Event>e</Event></QueueConfiguration>"
    first, second = document.read(xml(inside * 2))
    assert first.id != second.id
    assert len(first.id) == len(second.id) == 48


def test_no_filter_rule_filters_nothing() -> None:
    for empty in ("<Filter/>", "<Filter><S3Key/></Filter>"):
        inside = f"<Queue>{QUEUE}</Queue><Event>e</Event>{empty}"
        (found,) = document.read(xml(f"<QueueConfiguration>{inside}</QueueConfiguration>"))
        assert found.filters == ()


QUEUE_AND_EVENT = f"<Queue>{QUEUE}</Queue><Event>e</Event>"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<NotificationConfiguration>",
        b"<Other/>",
        xml("<WebhookConfiguration/>"),
        *(
            xml(f"<QueueConfiguration>{inside}</QueueConfiguration>")
            for inside in (
                f"<Queue>{QUEUE}</Queue>",
                "<Event>e</Event>",
                f"{QUEUE_AND_EVENT}<Queue>{QUEUE}</Queue>",
                f"{QUEUE_AND_EVENT}<Id>a</Id><Id>b</Id>",
                f"{QUEUE_AND_EVENT}<Bus>b</Bus>",
                f"{QUEUE_AND_EVENT}<Filter><Tag/></Filter>",
            )
        ),
    ],
)
def test_a_document_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(Refused) as error:
        document.read(content)
    assert error.value.code == "MalformedXML"


def test_a_destination_that_is_not_built_is_refused() -> None:
    with pytest.raises(
        Refused, match="does not send S3 event notifications to EventBridge"
    ) as error:
        document.read(xml("<EventBridgeConfiguration></EventBridgeConfiguration>"))
    assert (error.value.status, error.value.code) == (501, "NotImplemented")


def test_every_kind_of_destination_that_can_be_written_can_be_checked() -> None:
    for kind in ("Topic", "Queue", "CloudFunction"):
        assert document.read(document.write([to(kind, "nonsense")])) == (to(kind, "nonsense"),)
        with pytest.raises(Refused, match="The ARN could not be parsed"):
            check_rule(to(kind, "nonsense"), "us-east-1")
