"""What a bucket notifies of, and whom: its notification configuration.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from slstest.embedded.s3_notifications import events as event_types
from slstest.embedded.s3_notifications.errors import Refused, invalid_argument

_LONGEST_ID = 255
_LONGEST_FILTER_VALUE = 1024
_MOST_RULES = 100

_ENCODED = re.compile(r"(?:[A-Za-z0-9*._/+-]|%[0-9A-Fa-f]{2})*")
"""A part of a key that is URL encoded; slashes need not be."""

_ARNS: Mapping[str, tuple[str, str]] = {
    "Topic": (
        r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w-]{1,256}",
        r"^arn:aws[\p{Alpha}\-]*:sns:[\p{Alnum}\-]+:[\p{Digit}]{12}:[\p{Alnum}\-_]{1,256}$",
    ),
    "Queue": (
        r"arn:aws[\w-]*:sqs:[\w-]+:\d{12}:[\w-]{1,80}",
        r"^arn:aws[\p{Alpha}\-]*:sqs:[\p{Alnum}\-]+:[\p{Digit}]{12}:[\p{Alnum}\-_]{1,80}$",
    ),
    "CloudFunction": (
        r"arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(?::[\w$-]+)?",
        r"^arn:aws[\p{Alpha}\-]*:lambda:[\p{Alnum}\-]+:[\p{Digit}]{12}:function:"
        r"[\p{Alnum}\-_]+(:[\p{Alnum}$\-_]+)?$",
    ),
}
"""The form of the ARN of each kind of destination, for Python and in AWS's words."""


@dataclass(frozen=True)
class Rule:
    """Notify one destination of some types of events with some keys."""

    id: str
    kind: str
    """The kind of its destination, as the element is called that has the ARN: ``Topic``,
    ``Queue``, ``CloudFunction``."""
    arn: str
    events: tuple[str, ...]
    filters: tuple[tuple[str, str], ...] = ()
    """``Prefix`` and ``Suffix`` with their values, URL encoded."""

    def matches(self, event: str, key: str) -> bool:
        """Whether an event of this type with this key (as it is, not encoded) is one of those
        to notify of."""
        return any(event_types.covers(each, event) for each in self.events) and all(
            self._passes(name, value, key) for name, value in self.filters
        )

    def overlaps(self, other: Rule) -> bool:
        """Whether both may notify of the same event.

        They do where they share a type of event, one prefix begins with the other, and one
        suffix ends with the other.
        """
        prefix, others_prefix = self._part("Prefix"), other._part("Prefix")
        suffix, others_suffix = self._part("Suffix"), other._part("Suffix")
        return (
            event_types.shared(self.events, other.events)
            and (prefix.startswith(others_prefix) or others_prefix.startswith(prefix))
            and (suffix.endswith(others_suffix) or others_suffix.endswith(suffix))
        )

    @staticmethod
    def _passes(name: str, value: str, key: str) -> bool:
        """ "If you use any other special characters in the value of the prefix or suffix, you
        must enter them in URL-encoded (percent-encoded) format": else nothing has it."""
        if not _ENCODED.fullmatch(value):
            return False
        part = unquote_plus(value)
        return key.startswith(part) if name == "Prefix" else key.endswith(part)

    def _part(self, name: str) -> str:
        return unquote_plus(dict(self.filters).get(name, ""))


def check_rule(rule: Rule, bucket_region: str) -> None:
    """Refuse a rule that S3 does not take, whatever else there is.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
    """
    if len(rule.id) > _LONGEST_ID:
        raise invalid_argument(f"ID length exceeded allowed limit of {_LONGEST_ID}")
    for event in rule.events:
        event_types.check(event)
    for one, other in itertools.combinations(rule.events, 2):
        if event_types.shared([one], [other]):
            raise _overlap()
    _check_filters(rule)
    _check_arn(rule, bucket_region)


def check_together(rules: tuple[Rule, ...]) -> None:
    """Refuse rules that S3 does not take together."""
    if len(rules) > _MOST_RULES:
        raise Refused(
            "InvalidRequest",
            "Too many configurations submitted. The maximum number of configurations is "
            f"{_MOST_RULES}",
        )
    if len({rule.id for rule in rules}) < len(rules):
        raise invalid_argument("Same ID used for multiple configurations. IDs must be unique.")
    for rule, other in itertools.combinations(rules, 2):
        if rule.overlaps(other):
            raise _ambiguous() if rule.filters or other.filters else _overlap()


def _check_filters(rule: Rule) -> None:
    for name in ("Prefix", "Suffix"):
        if [each for each, _ in rule.filters].count(name) > 1:
            raise invalid_argument(f"Cannot specify more than one {name.lower()} rule in a filter.")
    for _, value in rule.filters:
        if len(value.encode()) > _LONGEST_FILTER_VALUE:
            raise invalid_argument(
                f"Size of filter rule value cannot exceed {_LONGEST_FILTER_VALUE} bytes in UTF-8 "
                "representation",
                "FilterRule.Value",
                value,
            )


def _check_arn(rule: Rule, bucket_region: str) -> None:
    arn = rule.arn
    if not re.match(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.", arn):
        raise invalid_argument("The ARN could not be parsed", rule.kind, arn)
    if rule.kind == "Queue" and arn.endswith(".fifo"):
        raise invalid_argument("FIFO SQS queues are not supported.", rule.kind, arn)
    pattern, in_words = _ARNS[rule.kind]
    if not re.fullmatch(pattern, arn, re.ASCII):
        raise invalid_argument(
            "The ARN failed to satisfy constraint: Member must satisfy regular expression pattern: "
            + in_words,
            rule.kind,
            arn,
        )
    if arn.split(":")[3] != bucket_region:
        raise invalid_argument(
            "The notification destination service region is not valid for the bucket location "
            "constraint",
            rule.kind,
            arn,
        )


def _overlap() -> Refused:
    return invalid_argument(
        "Configurations overlap. Configurations on the same bucket cannot share a common event "
        "type."
    )


def _ambiguous() -> Refused:
    return invalid_argument(
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if "
        "the prefixes are overlapping for the same event type."
    )
