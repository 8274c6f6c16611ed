"""boto3 inside a function."""

from __future__ import annotations

import boto3
import botocore.handlers
import pytest

from .conftest import Lab

CLIENT = """
    import boto3
    table = boto3.resource("dynamodb").Table("clicks")
    client = boto3.client("s3")
    own = boto3.Session().client("sqs")

    def handler(event, context):
        import sys
        return [
            id(boto3.DEFAULT_SESSION),
            *(each._request_signer._credentials.access_key for each in (client, own)),
            client.meta.endpoint_url,
            client.meta.region_name,
            id(boto3.DEFAULT_SESSION._session.get_component("data_loader")),
        ]
    """


def test_each_environment_has_a_default_session_with_its_own_credentials(lab: Lab) -> None:
    one, other = (
        lab.deploy(
            CLIENT,
            aws_variables={
                "AWS_ACCESS_KEY_ID": key,
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            },
        ).returned()
        for key in ("one", "other")
    )

    assert one[1:5] == ["one", "one", "http://127.0.0.1:1", "eu-west-1"]
    assert other[1:5] == ["other", "other", "http://127.0.0.1:1", "eu-west-1"]
    assert one[0] != other[0]


def test_sessions_share_the_models_that_botocore_has_read(lab: Lab) -> None:
    loaders = {lab.deploy(CLIENT).returned()[5] for _ in range(3)}

    assert len(loaders) == 1


def test_the_default_session_of_the_test_stays_its_own(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = boto3.Session(region_name="eu-north-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", mine)
    function = lab.deploy(
        """
        import boto3
        boto3.setup_default_session(region_name="sa-east-1")
        def handler(event, context): return boto3.DEFAULT_SESSION.region_name
        """
    )

    assert [function.returned(), function.returned()] == ["sa-east-1", "sa-east-1"]
    assert boto3.DEFAULT_SESSION is mine


def test_the_default_session_has_the_handlers_that_were_hooked_into_botocore(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.awsrequest import AWSResponse

    source = """
        import boto3
        def handler(event, context):
            return boto3.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPStatusCode"]
        """
    lab.deploy(source, timeout=0.05).invoke()
    asked: list[str] = []

    def answer(request: object, **_: object) -> AWSResponse:
        asked.append(str(request))
        body = b"<R><GetCallerIdentityResult/></R>"
        raw = type("Raw", (), {"stream": lambda *_: [body], "read": lambda *_: body})()
        return AWSResponse("http://127.0.0.1:1", 200, {}, raw)  # type: ignore[arg-type]

    handlers = [*botocore.handlers.BUILTIN_HANDLERS, ("before-send", answer)]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", handlers)
    monkeypatch.setattr("botocore.session.handlers.BUILTIN_HANDLERS", handlers)

    assert lab.deploy(source).returned() == 200
    assert len(asked) == 1
