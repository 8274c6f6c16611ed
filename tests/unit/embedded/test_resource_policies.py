from __future__ import annotations

import json
from typing import Any

import pytest

from slstest.embedded.resource_policies import Access, UnreadablePolicy, allows

QUEUE = "arn:aws:sqs:us-east-1:123456789012:queue"
ACCESS = Access(
    "s3.amazonaws.com",
    "sqs:SendMessage",
    QUEUE,
    {"aws:SourceArn": "arn:aws:s3:::bucket", "aws:SourceAccount": "123456789012"},
)


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    whole = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
    }
    merged = [{**whole, **changes} for changes in statements]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {name: value for name, value in statement.items() if value is not None}
            for statement in merged
        ],
    }


def test_a_statement_that_covers_the_access_allows_it() -> None:
    assert allows(policy({}), ACCESS)
    assert allows(json.dumps(policy({})), ACCESS)


def test_one_statement_need_not_be_in_a_list() -> None:
    (statement,) = policy({})["Statement"]
    assert allows({"Statement": statement}, ACCESS)


@pytest.mark.parametrize("document", ["", "{}", {"Statement": []}])
def test_nothing_allows_nothing(document: Any) -> None:
    assert not allows(document, ACCESS)


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, False),
        ({"Principal": {"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}}, True),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, False),
        ({"Principal": None}, False),
        ({"Action": "SQS:sendmessage"}, True),
        ({"Action": ["sqs:ReceiveMessage", "sqs:Send*"]}, True),
        ({"Action": "sqs:ReceiveMessage"}, False),
        ({"Action": None, "NotAction": "sqs:ReceiveMessage"}, True),
        ({"Action": None, "NotAction": "sqs:*"}, False),
        ({"Resource": "*"}, True),
        ({"Resource": f"{QUEUE}-2"}, False),
        ({"Resource": QUEUE.upper()}, False),
        ({"Resource": QUEUE[:-1] + "?"}, True),
        ({"Resource": None, "NotResource": f"{QUEUE}-2"}, True),
    ],
)
def test_every_element_must_cover_the_access(changes: dict[str, Any], allowed: bool) -> None:
    assert allows(policy(changes), ACCESS) is allowed


def test_a_denial_wins() -> None:
    assert not allows(policy({}, {"Effect": "Deny", "Action": "sqs:*"}), ACCESS)
    assert allows(policy({}, {"Effect": "Deny", "Action": "sqs:DeleteMessage"}), ACCESS)


@pytest.mark.parametrize(
    ("operator", "key", "value", "holds"),
    [
        ("StringEquals", "aws:SourceAccount", "123456789012", True),
        ("StringEquals", "AWS:SOURCEACCOUNT", ["1", "123456789012"], True),
        ("StringEquals", "aws:SourceAccount", "1", False),
        ("StringNotEquals", "aws:SourceAccount", "1", True),
        ("StringNotEquals", "aws:SourceAccount", ["1", "123456789012"], False),
        ("StringEqualsIgnoreCase", "aws:SourceArn", "ARN:aws:s3:::Bucket", True),
        ("StringLike", "aws:SourceArn", "arn:aws:s3:*", True),
        ("StringNotLike", "aws:SourceArn", "arn:aws:s3:*", False),
        ("ArnEquals", "aws:SourceArn", "arn:aws:s3:::b*", True),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:bucket", True),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:*", False),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::[b]ucket", False),
        ("ArnNotLike", "aws:SourceArn", "arn:aws:s3:::other", True),
        ("StringEquals", "aws:PrincipalOrgID", "o-1", False),
        ("StringNotEquals", "aws:PrincipalOrgID", "o-1", True),
        ("StringEqualsIfExists", "aws:PrincipalOrgID", "o-1", True),
        ("StringEqualsIfExists", "aws:SourceAccount", "1", False),
        ("Null", "aws:PrincipalOrgID", "true", True),
        ("Null", "aws:SourceArn", "true", False),
        ("Bool", "aws:PrincipalIsAWSService", True, False),
    ],
)
def test_a_condition_must_hold(operator: str, key: str, value: Any, holds: bool) -> None:
    assert allows(policy({"Condition": {operator: {key: value}}}), ACCESS) is holds


def test_all_conditions_must_hold() -> None:
    condition = {
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"},
        "StringEquals": {"aws:SourceAccount": "1"},
    }
    assert not allows(policy({"Condition": condition}), ACCESS)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (policy({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}), "IpAddress"),
    ],
)
def test_what_is_not_understood_is_said(document: Any, problem: str) -> None:
    with pytest.raises(UnreadablePolicy, match=problem):
        allows(document, ACCESS)
