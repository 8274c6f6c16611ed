"""Tags of functions and mappings: https://docs.aws.amazon.com/lambda/latest/api/API_ListTags.html."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws


def test_a_function_has_tags(aws: Aws) -> None:
    name = aws.function(Tags={"a": "1"})
    arn = aws.lambda_.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    assert aws.lambda_.list_tags(Resource=arn)["Tags"] == {"a": "1"}
    aws.lambda_.tag_resource(Resource=arn, Tags={"a": "2", "b": "3"})
    assert aws.lambda_.get_function(FunctionName=name)["Tags"] == {"a": "2", "b": "3"}
    aws.lambda_.untag_resource(Resource=arn, TagKeys=["a", "z"])
    assert aws.lambda_.list_tags(Resource=arn)["Tags"] == {"b": "3"}


def test_a_mapping_has_tags(aws: Aws) -> None:
    uuid = aws.map(aws.stream(), aws.function(), Tags={"a": "1"})
    arn = aws.lambda_.get_event_source_mapping(UUID=uuid)["EventSourceMappingArn"]
    assert aws.lambda_.list_tags(Resource=arn)["Tags"] == {"a": "1"}
    aws.lambda_.tag_resource(Resource=arn, Tags={"b": "2"})
    aws.lambda_.untag_resource(Resource=arn, TagKeys=["a"])
    assert aws.lambda_.list_tags(Resource=arn)["Tags"] == {"b": "2"}


@pytest.mark.parametrize(
    "kind", ["function:none", "event-source-mapping:a0a0a0a0-0000-4000-8000-000000000000"]
)
def test_what_does_not_exist_has_no_tags(aws: Aws, kind: str) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws.lambda_.list_tags(Resource=f"arn:aws:lambda:us-east-1:123456789012:{kind}")
