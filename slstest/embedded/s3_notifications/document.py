"""A bucket's notification configuration as XML, as the API sends it.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_NotificationConfiguration.html
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from slstest.embedded.s3_notifications.configuration import Rule
from slstest.embedded.s3_notifications.errors import invalid_argument, malformed, not_built

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

_KINDS: Mapping[str, str] = {
    "TopicConfiguration": "Topic",
    "QueueConfiguration": "Queue",
    "CloudFunctionConfiguration": "CloudFunction",
}
"""The element of a rule for each kind of destination, and the one inside that has its ARN."""

_NOT_BUILT: Mapping[str, str] = {
    "EventBridgeConfiguration": "does not send S3 event notifications to EventBridge yet",
}


def read(content: bytes) -> tuple[Rule, ...]:
    """The rules of a request's body, those that have no id with a new one.

    Raises :class:`slstest.embedded.s3_notifications.errors.Refused`.
    """
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise malformed() from error
    if _name(root) != "NotificationConfiguration":
        raise malformed()
    return tuple(_rule(element) for element in root)


def write(rules: Iterable[Rule]) -> bytes:
    """The body of an answer."""
    root = ElementTree.Element("NotificationConfiguration", {"xmlns": _NAMESPACE})
    elements = {kind: element for element, kind in _KINDS.items()}
    for rule in rules:
        element = ElementTree.SubElement(root, elements[rule.kind])
        _add(element, "Id", rule.id)
        _add(element, rule.kind, rule.arn)
        for event in rule.events:
            _add(element, "Event", event)
        if rule.filters:
            key = ElementTree.SubElement(ElementTree.SubElement(element, "Filter"), "S3Key")
            for name, value in rule.filters:
                filter_rule = ElementTree.SubElement(key, "FilterRule")
                _add(filter_rule, "Name", name)
                _add(filter_rule, "Value", value)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _rule(element: ElementTree.Element) -> Rule:
    if (what := _NOT_BUILT.get(_name(element))) is not None:
        raise not_built(what, "notify a function, a queue or a topic")
    kind = _KINDS.get(_name(element))
    if kind is None:
        raise malformed()
    found: dict[str, list[ElementTree.Element]] = {"Id": [], kind: [], "Event": [], "Filter": []}
    for inner in element:
        if _name(inner) not in found:
            raise malformed()
        found[_name(inner)].append(inner)
    if (
        len(found[kind]) != 1
        or not found["Event"]
        or max(map(len, (found["Id"], found["Filter"]))) > 1
    ):
        raise malformed()
    given_id = found["Id"][0].text if found["Id"] else None
    return Rule(
        id=given_id or _new_id(),
        kind=kind,
        arn=_text(found[kind][0]),
        events=tuple(map(_text, found["Event"])),
        filters=_filters(found["Filter"]),
    )


def _filters(found: list[ElementTree.Element]) -> tuple[tuple[str, str], ...]:
    filters = []
    for key in _only(found, "S3Key"):
        for rule in _only([key], "FilterRule"):
            parts = {_name(part): _text(part) for part in rule}
            name = parts.get("Name", "").capitalize()
            if name not in ("Prefix", "Suffix"):
                raise invalid_argument(
                    "filter rule name must be either prefix or suffix",
                    "FilterRule.Name",
                    parts.get("Name", ""),
                )
            filters.append((name, parts.get("Value", "")))
    return tuple(filters)


def _only(parents: list[ElementTree.Element], name: str) -> list[ElementTree.Element]:
    children = [child for parent in parents for child in parent]
    if any(_name(child) != name for child in children):
        raise malformed()
    return children


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element) -> str:
    return element.text or ""


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text


def _new_id() -> str:
    """What S3 generates for a rule without an id."""
    return base64.b64encode(str(uuid.uuid4()).encode()).decode()
