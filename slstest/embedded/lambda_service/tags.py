"""The tags of functions and of event source mappings.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.lambda_service.errors import not_found
from slstest.embedded.lambda_service.functions import FunctionStore

Parameters = Mapping[str, Any]


class TagService:
    """ListTags, TagResource and UntagResource."""

    def __init__(
        self, store: FunctionStore, tags_of_mapping: Callable[[str], dict[str, str] | None]
    ) -> None:
        self._store = store
        self._tags_of_mapping = tags_of_mapping
        self.operations: Mapping[str, Callable[[Parameters], dict[str, Any]]] = {
            "ListTags": self._list,
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    def _list(self, params: Parameters) -> dict[str, Any]:
        return {"Tags": dict(self._tags(params))}

    def _tag(self, params: Parameters) -> dict[str, Any]:
        self._tags(params).update(params["Tags"])
        return {}

    def _untag(self, params: Parameters) -> dict[str, Any]:
        tags = self._tags(params)
        for key in params["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _tags(self, params: Parameters) -> dict[str, str]:
        arn: str = params["Resource"]
        if ":event-source-mapping:" not in arn:
            return self._store.get(arn, None).tags
        tags = self._tags_of_mapping(arn)
        if tags is None:
            raise not_found("The resource you requested does not exist.")
        return tags
