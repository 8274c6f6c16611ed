"""Tags as Kinesis checks them.

https://docs.aws.amazon.com/streams/latest/dev/tagging.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from slstest.embedded.kinesis.errors import invalid_argument

_MOST_TAGS = 50
_ALLOWED = re.compile(r"[\w\s./=+\-@:]*")


def checked_tags(
    tags: Mapping[str, str], present: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The tags of a resource that has some, after others have been added. Raises Kinesis's
    errors."""
    for text in (*tags, *tags.values()):
        if not _ALLOWED.fullmatch(text):
            raise invalid_argument(
                "Some tags contain invalid characters. Valid characters: Unicode letters, digits, "
                "white space, _ . / = + - @ :."
            )
    together = {**(present or {}), **tags}
    if len(together) > _MOST_TAGS:
        raise invalid_argument(
            f"Failed to add tags because a given resource cannot have more than {_MOST_TAGS} tags "
            "associated with it."
        )
    return together
