"""The marker and the fixture of DynamoDB streams, end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

LOGGER = """
    import json, os, boto3

    s3 = boto3.client("s3")

    def handler(event, context):
        for record in event["Records"]:
            key = record["dynamodb"]["SequenceNumber"]
            s3.put_object(Bucket=os.environ["LOG"], Key=key, Body=json.dumps(record["eventName"]))
    """

BOTH_STYLES = """
    def test_fixture_style(sls):
        log = sls.bucket()
        orders = sls.table(key="order", stream=True)
        logger = sls.function("logger", environment={"LOG": log.name})
        logger.triggered_by(orders, batch_size=2)

        orders.put({"order": "1", "status": "new"})
        orders.put({"order": "1", "status": "paid"})
        orders.delete("1")
        sls.settle()

        assert [o.json for o in log.objects()] == ["INSERT", "MODIFY", "REMOVE"]

    @pytest.mark.sls_bucket("log")
    @pytest.mark.sls_function("logger", environment={"LOG": "{log.name}"})
    @pytest.mark.dynamodb_event(
        {"order": "1", "status": "new"}, {"order": "1", "status": "paid"}, key="order"
    )
    def test_marker_style(dynamodb_event, sls):
        assert [o.json for o in sls["log"].objects()] == ["INSERT", "MODIFY"]
        assert sum(len(i.event["Records"]) for i in dynamodb_event.invocations) == 2
        dynamodb_event.table.expect_item({"order": "1", "status": "paid"})
    """


@pytest.mark.parametrize("runtime", ["process", "in-process"])
def test_both_styles_work_in_every_runtime(project: Project, runtime: str) -> None:
    project.function("logger", LOGGER)
    project.tests(BOTH_STYLES)
    project.run("--sls", "--sls-runtime", runtime).assert_outcomes(passed=2)


def test_parallel_workers_need_no_setting(project: Project) -> None:
    project.function("logger", LOGGER)
    project.tests(BOTH_STYLES)
    project.run_apart("--sls", "-n", "2", "--dist", "each").assert_outcomes(passed=4)


def test_send_returns_the_invocations_that_it_caused(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event({"id": "1"}, batch_size=1)
        def test_it(dynamodb_event):
            (invocation,) = dynamodb_event.send({"id": "2", "n": 5})
            (record,) = invocation.event["Records"]
            assert record["dynamodb"]["NewImage"]["n"] == {"N": "5"}
            assert len(dynamodb_event.send({"id": "3"}, {"id": "4"})) == 2
            assert dynamodb_event.send({"id": "4"}) == []
            assert len(dynamodb_event.invocations) == 4

        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event
        def test_no_items(dynamodb_event):
            assert dynamodb_event.invocations == []
            assert dynamodb_event.mapping.state == "Enabled"
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_the_marker_says_what_the_table_is(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event(
            {"user": "a", "day": 1}, key="user", sort_key=("day", "N"), stream="KEYS_ONLY"
        )
        def test_keys_and_view_type(dynamodb_event):
            (record,) = dynamodb_event.invocations[0].event["Records"]
            assert record["dynamodb"]["Keys"] == {"user": {"S": "a"}, "day": {"N": "1"}}
            assert "NewImage" not in record["dynamodb"]

        @pytest.mark.sls_table("orders", stream="NEW_IMAGE")
        @pytest.mark.sls_function("echo", environment={"STREAM": "{orders.stream_arn}"})
        @pytest.mark.dynamodb_event({"id": "1"}, table="orders")
        def test_a_table_of_the_test(dynamodb_event, sls):
            assert dynamodb_event.table is sls["orders"]
            (record,) = dynamodb_event.invocations[0].event["Records"]
            assert record["eventSourceARN"] == sls["orders"].stream_arn
            assert record["dynamodb"]["StreamViewType"] == "NEW_IMAGE"
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_wrong_arguments_fail_at_the_marker(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event("1")
        def test_item(dynamodb_event):
            pass

        @pytest.mark.sls_table("orders", stream=True)
        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event({"id": "1"}, table="orders", key="order")
        def test_both(dynamodb_event):
            pass

        @pytest.mark.sls_table("orders")
        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event({"id": "1"}, table="orders")
        def test_no_stream(dynamodb_event):
            pass

        @pytest.mark.sls_bucket("archive")
        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event({"id": "1"}, table="archive")
        def test_no_table(dynamodb_event):
            pass

        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event({"id": "1"}, stream="ALL")
        def test_view_type(dynamodb_event):
            pass

        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event({"id": "1"}, stream=False)
        def test_stream_off(dynamodb_event):
            pass

        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event({"order": "1"})
        def test_key(dynamodb_event):
            pass

        @pytest.mark.sls_function("echo")
        @pytest.mark.dynamodb_event(starting_position="AT_TIMESTAMP")
        def test_position(dynamodb_event):
            pass

        @pytest.mark.sls_table("orders", stream=5)
        def test_table_marker():
            pass
        """
    )
    result = project.run_sls()
    result.assert_outcomes(errors=9)
    result.stdout.fnmatch_lines(
        [
            "*test_it.py:3: @pytest.mark.dynamodb_event: argument 'items' takes dict, not str*",
            "*test_it.py:9: @pytest.mark.dynamodb_event: arguments 'table' and 'key' exclude each "
            "other; give key to the marker sls_table('orders')",
            "*test_it.py:15: @pytest.mark.dynamodb_event: *triggered_by(table 'orders'): the table "
            "has no stream; create the table with stream=True*",
            "*test_it.py:21: @pytest.mark.dynamodb_event: argument 'table' names the bucket "
            "'archive'; give the name of an sls_table",
            "*test_it.py:26: @pytest.mark.dynamodb_event: *stream= takes True or one of "
            "'NEW_AND_OLD_IMAGES', 'NEW_IMAGE', 'OLD_IMAGE', 'KEYS_ONLY', not 'ALL'",
            "*test_it.py:31: @pytest.mark.dynamodb_event: argument 'stream' cannot be False*",
            "*test_it.py:36: @pytest.mark.dynamodb_event: *an item lacks the table's key id*",
            "*test_it.py:41: @pytest.mark.dynamodb_event: *Unsupported starting position*",
            "*test_it.py:45: @pytest.mark.sls_table: argument 'stream' takes bool or str or None*",
        ]
    )
