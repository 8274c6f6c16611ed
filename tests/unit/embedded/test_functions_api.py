"""Functions through boto3: https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import urllib.request
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws, Gate

Zipped = Callable[..., bytes]

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def test_a_new_function_is_answered_pending_with_all_settings_filled_in(
    aws: Aws, zipped: Zipped
) -> None:
    content = zipped(app="def handler(event, context): ...")
    created = aws.lambda_.create_function(
        FunctionName="new",
        Runtime="python3.12",
        Role="arn:aws:iam::123456789012:role/lambda",
        Handler="app.handler",
        Code={"ZipFile": content},
    )
    metadata = created.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == 201
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]
    assert datetime.strptime(created.pop("LastModified"), "%Y-%m-%dT%H:%M:%S.%f%z")
    assert len(created.pop("RevisionId")) == 36
    assert created == {
        "FunctionName": "new",
        "FunctionArn": f"{ARN}new",
        "Runtime": "python3.12",
        "Role": "arn:aws:iam::123456789012:role/lambda",
        "Handler": "app.handler",
        "CodeSize": len(content),
        "CodeSha256": base64.b64encode(hashlib.sha256(content).digest()).decode(),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/new"},
    }


def test_a_function_is_active_when_it_is_looked_at(aws: Aws) -> None:
    configuration = aws.lambda_.get_function_configuration(FunctionName=aws.function())
    assert configuration["State"] == "Active"
    assert configuration["LastUpdateStatus"] == "Successful"
    assert "StateReason" not in configuration


def test_waiters_for_active_and_updated_return_at_once(aws: Aws) -> None:
    name = aws.function()
    for waiter in ("function_exists", "function_active_v2", "function_updated_v2"):
        aws.lambda_.get_waiter(waiter).wait(FunctionName=name, WaiterConfig={"MaxAttempts": 1})


def test_settings_given_are_kept(aws: Aws) -> None:
    name = aws.function(
        Description="counts clicks",
        Timeout=10,
        MemorySize=512,
        Environment={"Variables": {"TABLE": "clicks"}},
        Architectures=["arm64"],
        Tags={"team": "clicks"},
        LoggingConfig={"LogGroup": "/clicks"},
    )
    answer = aws.lambda_.get_function(FunctionName=name)
    configuration = answer["Configuration"]
    assert answer["Tags"] == {"team": "clicks"}
    assert configuration["Description"] == "counts clicks"
    assert (configuration["Timeout"], configuration["MemorySize"]) == (10, 512)
    assert configuration["Environment"] == {"Variables": {"TABLE": "clicks"}}
    assert configuration["Architectures"] == ["arm64"]
    assert configuration["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/clicks"}
    spec = aws.runtime.environments[-1].spec
    assert (spec.timeout, spec.memory_size, spec.variables) == (10, 512, {"TABLE": "clicks"})
    assert spec.log_group == "/clicks"


def test_an_empty_environment_is_shown_and_a_missing_one_is_not(aws: Aws) -> None:
    empty, missing = aws.function(Environment={"Variables": {}}), aws.function()
    shown = aws.lambda_.get_function_configuration(FunctionName=empty)
    assert shown["Environment"] == {"Variables": {}}
    assert "Environment" not in aws.lambda_.get_function_configuration(FunctionName=missing)


def test_the_code_can_be_downloaded(aws: Aws, zipped: Zipped) -> None:
    content = zipped(app="x = 1")
    name = aws.function(Code={"ZipFile": content})
    code = aws.lambda_.get_function(FunctionName=name)["Code"]
    assert code["RepositoryType"] == "S3"
    with urllib.request.urlopen(code["Location"]) as answer:
        assert answer.read() == content


def test_code_comes_from_s3(aws: Aws, zipped: Zipped) -> None:
    s3 = aws.cloud.client("s3")
    s3.create_bucket(Bucket="packages")
    s3.put_object(Bucket="packages", Key="clicks.zip", Body=zipped(app="x = 1"))
    aws.function(Code={"S3Bucket": "packages", "S3Key": "clicks.zip"})
    assert (aws.runtime.environments[-1].spec.code / "app.py").read_text() == "x = 1"
    s3.delete_object(Bucket="packages", Key="clicks.zip")
    s3.delete_bucket(Bucket="packages")


@pytest.mark.parametrize(
    ("bucket", "message"),
    [
        (
            "packages",
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The "
            "specified key does not exist.",
        ),
        (
            "nowhere",
            "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The "
            "specified bucket does not exist",
        ),
    ],
)
def test_code_that_is_not_in_s3_is_refused(aws: Aws, bucket: str, message: str) -> None:
    s3 = aws.cloud.client("s3")
    s3.create_bucket(Bucket="packages")
    with pytest.raises(ClientError) as error:
        aws.function(Code={"S3Bucket": bucket, "S3Key": "clicks.zip"})
    assert aws.refused(error) == (400, "InvalidParameterValueException", message)
    s3.delete_bucket(Bucket="packages")


def test_a_function_without_code_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.function(Code={})
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "Please provide a source for function code.",
    )


def test_files_keep_their_modes_and_symlinks(aws: Aws) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        run = zipfile.ZipInfo("bin/run")
        run.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(run, "#!/bin/sh")
        link = zipfile.ZipInfo("bin/go")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "run")
    aws.function(Code={"ZipFile": content.getvalue()})
    folder = aws.runtime.environments[-1].spec.code / "bin"
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o755
    assert (folder / "go").is_symlink()
    assert (folder / "go").read_text() == "#!/bin/sh"


def damaged_zip(zipped: Zipped) -> bytes:
    content = bytearray(zipped(app="x = 1"))
    content[content.index(b"x = 1")] = ord("y")
    return bytes(content)


def escaping_zip(zipped: Zipped) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../app.py", "x = 1")
    return content.getvalue()


def bloated_zip(zipped: Zipped) -> bytes:
    """A zip whose directory says that its one file has 250 MB."""
    content = bytearray(zipped(app="x = 1"))
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (262_144_000).to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda _: b"no zip", "Could not unzip uploaded file. Please check your file, "
                     "then try to upload again.", id="not a zip"),
        pytest.param(damaged_zip, "Could not unzip uploaded file. Please check your file, then "
                     "try to upload again.", id="damaged"),
        pytest.param(escaping_zip, "Could not unzip uploaded file. Please check your file, then "
                     "try to upload again.", id="escaping"),
        pytest.param(lambda zipped: zipped(), "Uploaded file must be a non-empty zip", id="empty"),
        pytest.param(lambda _: b"", "Uploaded file must be a non-empty zip", id="no bytes"),
        pytest.param(bloated_zip, "Unzipped size must be smaller than 262144000 bytes",
                     id="too large"),
    ],
)  # fmt: skip
def test_a_zip_that_cannot_be_used_is_refused(
    aws: Aws, zipped: Zipped, make: Callable[[Zipped], bytes], message: str
) -> None:
    with pytest.raises(ClientError) as error:
        aws.function(FunctionName="broken", Code={"ZipFile": make(zipped)})
    assert aws.refused(error) == (400, "InvalidParameterValueException", message)
    assert aws.cloud.invocations("broken") == ()


def test_dots_within_file_names_are_no_escape(aws: Aws, tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("notes..txt", "dots")
    aws.function(Code={"ZipFile": content.getvalue()})
    assert (aws.runtime.environments[-1].spec.code / "notes..txt").read_text() == "dots"


def test_a_name_is_taken_once(aws: Aws) -> None:
    name = aws.function()
    with pytest.raises(aws.lambda_.exceptions.ResourceConflictException) as error:
        aws.function(FunctionName=name)
    assert aws.refused(error) == (
        409,
        "ResourceConflictException",
        f"Function already exist: {name}",
    )


def test_an_unknown_runtime_is_refused_with_those_that_are_known(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.function(Runtime="python2.8")
    status, code, message = aws.refused(error)
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message.startswith(
        "Value python2.8 at 'runtime' failed to satisfy constraint: Member must satisfy enum value "
        "set: ["
    )
    assert "python3.12" in message
    assert message.endswith("] or be a valid ARN")


def test_a_runtime_that_cannot_be_run_here_is_refused_with_the_reason(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.function(Runtime="ruby3.4")
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "ruby3.4 cannot be run here",
    )


@pytest.mark.parametrize("missing", ["Runtime", "Handler"])
def test_a_zip_function_needs_a_runtime_and_a_handler(
    aws: Aws, zipped: Zipped, missing: str
) -> None:
    params: dict[str, Any] = {
        "FunctionName": "bare",
        "Role": "arn:aws:iam::123456789012:role/lambda",
        "Runtime": "python3.12",
        "Handler": "app.handler",
        "Code": {"ZipFile": zipped(app="")},
    }
    del params[missing]
    with pytest.raises(ClientError) as error:
        aws.lambda_.create_function(**params)
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "Runtime and Handler are mandatory parameters for functions created with deployment "
        "packages.",
    )


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        (
            {"Timeout": 901},
            "ValidationException",
            "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: "
            "Member must have value less than or equal to 900",
        ),
        (
            {"MemorySize": 10241},
            "ValidationException",
            "1 validation error detected: Value '10241' at 'memorySize' failed to satisfy "
            "constraint: Member must have value less than or equal to 10240",
        ),
        (
            {"FunctionName": "a" * 65},
            "InvalidParameterValueException",
            f"1 validation error detected: Value '{'a' * 65}' at 'functionName' failed to satisfy "
            "constraint: Member must have length less than or equal to 64",
        ),
        (
            {"LoggingConfig": {"ApplicationLogLevel": "DEBUG"}},
            "InvalidParameterValueException",
            "You must specify your log format as JSON to set log levels.",
        ),
        (
            {
                "Environment": {
                    "Variables": {"TZ": "UTC", "AWS_REGION": "x", "LAMBDA_TASK_ROOT": "y"}
                }
            },
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            "for modification. Reserved keys used in this request: AWS_REGION, "
            "LAMBDA_TASK_ROOT",
        ),
        (
            {"Environment": {"Variables": {"my-variable": "x"}}},
            "ValidationException",
            "1 validation error detected: Value at 'environment.variables' failed to satisfy "
            "constraint: Map keys must satisfy constraint: [Member must satisfy regular "
            "expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        ),
        (
            {"Environment": {"Variables": {"BIG": "x" * 4087}}},
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. Measured size: 4097 bytes",
        ),
    ],
)
def test_settings_out_of_range_are_refused(
    aws: Aws, params: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as error:
        aws.function(**params)
    assert aws.refused(error) == (400, code, message)


def test_names_and_roles_are_checked_against_aws_patterns(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.function(FunctionName="invalid:function:name", Role="lambda")
    status, code, message = aws.refused(error)
    assert (status, code) == (400, "ValidationException")
    assert message.startswith("2 validation errors detected: ")
    assert "Value 'invalid:function:name' at 'functionName' failed to satisfy" in message
    assert "; Value 'lambda' at 'role' failed to satisfy constraint" in message


def test_an_environment_of_just_4_kb_is_accepted(aws: Aws) -> None:
    aws.function(Environment={"Variables": {"BIG": "x" * 4086}})


def test_code_can_be_replaced(aws: Aws, zipped: Zipped) -> None:
    name = aws.function(Code={"ZipFile": zipped(app="old")})
    updated = aws.lambda_.update_function_code(FunctionName=name, ZipFile=zipped(app="new"))
    assert (updated["State"], updated["LastUpdateStatus"]) == ("Active", "InProgress")
    assert updated["LastUpdateStatusReason"] == "The function is being created."
    assert updated["LastUpdateStatusReasonCode"] == "Creating"
    aws.lambda_.invoke(FunctionName=name)
    assert (aws.runtime.calls[-1].spec.code / "app.py").read_text() == "new"
    configuration = aws.lambda_.get_function_configuration(FunctionName=name)
    assert configuration["LastUpdateStatus"] == "Successful"
    assert configuration["CodeSha256"] == updated["CodeSha256"]


def test_a_dry_run_of_new_code_changes_nothing(aws: Aws, zipped: Zipped) -> None:
    name = aws.function()
    before = aws.lambda_.get_function_configuration(FunctionName=name)
    aws.lambda_.update_function_code(FunctionName=name, ZipFile=zipped(app="new"), DryRun=True)
    after = aws.lambda_.get_function_configuration(FunctionName=name)
    assert after["CodeSha256"] == before["CodeSha256"]
    assert after["RevisionId"] == before["RevisionId"]


def test_configuration_can_be_replaced_and_the_rest_stays(aws: Aws) -> None:
    name = aws.function(Description="old", Environment={"Variables": {"OLD": "1"}})
    aws.lambda_.update_function_configuration(
        FunctionName=name, Timeout=7, Environment={"Variables": {"NEW": "2"}}
    )
    configuration = aws.lambda_.get_function_configuration(FunctionName=name)
    assert configuration["Description"] == "old"
    assert configuration["Timeout"] == 7
    assert configuration["Environment"] == {"Variables": {"NEW": "2"}}
    aws.lambda_.invoke(FunctionName=name)
    assert aws.runtime.calls[-1].spec.variables == {"NEW": "2"}


def test_a_refused_update_changes_nothing(aws: Aws) -> None:
    name = aws.function()
    before = aws.lambda_.get_function_configuration(FunctionName=name)
    with pytest.raises(ClientError):
        aws.lambda_.update_function_configuration(FunctionName=name, Runtime="ruby3.4", Timeout=9)
    after = aws.lambda_.get_function_configuration(FunctionName=name)
    assert {**before, "ResponseMetadata": None} == {**after, "ResponseMetadata": None}


def test_an_update_ends_warm_environments_when_they_are_idle(aws: Aws) -> None:
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name)
    warm = aws.runtime.environments[-1]
    aws.lambda_.update_function_configuration(FunctionName=name, Timeout=5)
    assert warm.closed


def test_tidying_ends_environments_that_are_idle_for_long(aws: Aws) -> None:
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name)
    aws.cloud.tidy(idle=3600)
    assert [each.closed for each in aws.runtime.environments] == [False]
    aws.cloud.tidy(idle=0)
    assert [each.closed for each in aws.runtime.environments] == [True]
    assert aws.lambda_.invoke(FunctionName=name)["Payload"].read() == b"{}"
    assert len(aws.runtime.environments) == 2


def test_tidying_leaves_an_environment_that_handles_an_event(aws: Aws, gate: Gate) -> None:
    aws.runtime.handler = lambda event: gate.wait()
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name, InvocationType="Event")
    gate.entered.wait()
    aws.cloud.tidy(idle=0)
    (busy,) = aws.runtime.environments
    assert not busy.closed
    assert busy.spec.code.is_dir()
    gate.open()
    aws.quiesce()


def test_tidying_deletes_the_code_that_no_function_has_any_more(aws: Aws, zipped: Zipped) -> None:
    name = aws.function(Code={"ZipFile": zipped(app="former = 1")})
    former = aws.runtime.environments[-1].spec.code
    aws.lambda_.update_function_code(FunctionName=name, ZipFile=zipped(app="present = 1"))
    present = aws.runtime.environments[-1].spec.code
    aws.cloud.tidy(idle=3600)
    assert former.is_dir()
    aws.cloud.tidy(idle=0)
    assert not former.exists()
    assert (present / "app.py").read_text() == "present = 1"
    aws.lambda_.update_function_code(FunctionName=name, ZipFile=zipped(app="former = 1"))
    assert (aws.runtime.environments[-1].spec.code / "app.py").read_text() == "former = 1"


def test_tidying_forgets_the_invocations_that_a_test_would_ask_for(aws: Aws) -> None:
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name)
    assert len(aws.cloud.invocations(name)) == 1
    aws.cloud.tidy(idle=3600)
    assert aws.cloud.invocations(name) == ()


def test_each_change_has_a_revision_and_an_outdated_one_is_refused(aws: Aws) -> None:
    name = aws.function()
    first = aws.lambda_.get_function_configuration(FunctionName=name)["RevisionId"]
    passing = aws.lambda_.update_function_configuration(
        FunctionName=name, Timeout=5, RevisionId=first
    )["RevisionId"]
    second = aws.lambda_.get_function_configuration(FunctionName=name)["RevisionId"]
    assert len({first, passing, second}) == 3
    with pytest.raises(aws.lambda_.exceptions.PreconditionFailedException) as error:
        aws.lambda_.update_function_configuration(FunctionName=name, Timeout=6, RevisionId=first)
    assert aws.refused(error) == (
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the "
        "GetFunction/GetAlias API to retrieve the latest Revision Id",
    )


def test_a_deleted_function_is_gone_with_its_environments(aws: Aws) -> None:
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name)
    answer = aws.lambda_.delete_function(FunctionName=name)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert all(environment.closed for environment in aws.runtime.environments)
    with pytest.raises(aws.lambda_.exceptions.ResourceNotFoundException) as error:
        aws.lambda_.get_function(FunctionName=name)
    assert aws.refused(error) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}{name}",
    )


def test_the_unpublished_version_cannot_be_deleted_by_itself(aws: Aws) -> None:
    name = aws.function()
    with pytest.raises(ClientError) as error:
        aws.lambda_.delete_function(FunctionName=name, Qualifier="$LATEST")
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "$LATEST version cannot be deleted without deleting the function.",
    )


@pytest.mark.parametrize(
    "reference", ["{}", "function:{}", "123456789012:function:{}", ARN + "{}", ARN + "{}:$LATEST"]
)
def test_a_function_is_found_by_name_partial_arn_and_arn(aws: Aws, reference: str) -> None:
    name = aws.function()
    answer = aws.lambda_.get_function(FunctionName=reference.format(name))
    assert answer["Configuration"]["FunctionName"] == name


@pytest.mark.parametrize(
    ("reference", "qualifier", "expected"),
    [
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
            None,
            (
                404,
                "ResourceNotFoundException",
                "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
            ),
        ),
        (
            "arn:aws:lambda:us-east-1:999999999999:function:f",
            None,
            (
                403,
                "AccessDeniedException",
                "the function is of account 999999999999, this cloud's account is 123456789012",
            ),
        ),
        ("f", "7", (404, "ResourceNotFoundException", f"Function not found: {ARN}f:7")),
        ("f:live", None, (404, "ResourceNotFoundException", f"Function not found: {ARN}f:live")),
        (
            "f:live",
            "test",
            (
                400,
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match the specified "
                "qualifier.",
            ),
        ),
    ],
)
def test_functions_of_elsewhere_and_unknown_versions_are_not_found(
    aws: Aws, reference: str, qualifier: str | None, expected: tuple[int, str, str]
) -> None:
    aws.function(FunctionName="f")
    params = {"FunctionName": reference} | ({"Qualifier": qualifier} if qualifier else {})
    with pytest.raises(ClientError) as error:
        aws.lambda_.get_function(**params)
    assert aws.refused(error) == expected


def test_a_client_of_another_region_is_told_where_the_functions_are(aws: Aws) -> None:
    make: Any = aws.cloud.session().client
    elsewhere = make("lambda", region_name="eu-west-1", endpoint_url=aws.cloud.endpoint_url)
    with pytest.raises(ClientError) as error:
        elsewhere.list_functions()
    status, code, message = aws.refused(error)
    assert (status, code) == (501, "NotImplementedException")
    assert "has Lambda in us-east-1 only, and this request is for eu-west-1" in message
    assert "--region" in message


def test_functions_are_listed_in_pages_without_their_states(aws: Aws) -> None:
    names = [aws.function(FunctionName=f"listed-{number}") for number in range(5)]
    pages = list(
        aws.lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    )
    assert [len(page["Functions"]) for page in pages] == [2, 2, 1]
    listed = [function for page in pages for function in page["Functions"]]
    assert [function["FunctionName"] for function in listed] == names
    assert not {"State", "LastUpdateStatus"} & set(listed[0])


def test_a_page_has_fifty_functions_at_most(aws: Aws) -> None:
    for number in range(51):
        aws.function(FunctionName=f"many-{number:02}")
    page = aws.lambda_.list_functions(MaxItems=10_000)
    assert len(page["Functions"]) == 50
    rest = aws.lambda_.list_functions(Marker=page["NextMarker"])
    assert [function["FunctionName"] for function in rest["Functions"]] == ["many-50"]
    assert "NextMarker" not in rest


def test_a_marker_of_nobodys_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.lambda_.list_functions(Marker="nonsense")
    assert aws.refused(error) == (400, "InvalidParameterValueException", "Invalid marker: nonsense")


def test_an_operation_that_is_not_built_says_so(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.lambda_.publish_version(FunctionName=aws.function())
    assert aws.refused(error) == (
        501,
        "NotImplementedException",
        "the embedded cloud does not have the Lambda operation PublishVersion yet",
    )
