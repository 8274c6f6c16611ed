"""The marker and the fixture of SQS, end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

COLLECTOR = """
    import json, os, boto3

    queue = boto3.client("sqs")

    def handler(event, context):
        failed = []
        for record in event["Records"]:
            body = json.loads(record["body"])
            if body.get("poison"):
                failed.append({"itemIdentifier": record["messageId"]})
            else:
                queue.send_message(QueueUrl=os.environ["RESULTS"], MessageBody=record["body"])
        return {"batchItemFailures": failed}
    """


def test_both_styles_deliver_messages(project: Project) -> None:
    project.function("collector", COLLECTOR)
    project.tests(
        """
        def test_fixture_style(sls):
            results, dead = sls.queue(), sls.queue()
            orders = sls.queue(
                redrive_policy={"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2}
            )
            worker = sls.function("collector", environment={"RESULTS": results.url})
            worker.triggered_by(orders, function_response_types=["ReportBatchItemFailures"])

            orders.send({"order": 1}, {"order": 2, "poison": True})

            results.expect_message({"order": 1})
            dead.expect_message({"order": 2})
            orders.expect_empty()
            assert [len(i.event["Records"]) for i in worker.invocations] == [2, 1]
            assert [i.attempt for i in worker.invocations] == [1, 2]

        @pytest.mark.sls_queue("results")
        @pytest.mark.sls_function("collector", environment={"RESULTS": "{results.url}"})
        @pytest.mark.sqs_event({"order": 1}, {"order": 2}, batch_size=1, fifo=True)
        def test_marker_style(sqs_event, sls):
            assert [m.body["order"] for m in sls["results"].messages()] == [1, 2]
            assert len(sqs_event.invocations) == 2
            sqs_event.queue.expect_empty()
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_a_function_process_reaches_queues_by_their_url(project: Project) -> None:
    project.function("collector", COLLECTOR)
    project.tests(
        """
        @pytest.mark.sls_queue("results")
        @pytest.mark.sls_function("collector", environment={"RESULTS": "{results.url}"})
        @pytest.mark.sqs_event({"order": 1})
        def test_it(sqs_event, sls):
            sls["results"].expect_message({"order": 1})
        """
    )
    project.run("--sls", "--sls-runtime", "process").assert_outcomes(passed=1)


def test_send_returns_the_invocations_that_it_caused(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.sqs_event("first", message_group_id="a", fifo=True)
        def test_it(sqs_event):
            (invocation,) = sqs_event.send("second")
            (record,) = invocation.event["Records"]
            assert record["attributes"]["MessageGroupId"] == "a"
            (invocation,) = sqs_event.send("third", message_group_id="b")
            assert invocation.event["Records"][0]["attributes"]["MessageGroupId"] == "b"
            assert len(sqs_event.invocations) == 3

        @pytest.mark.sls_function("echo")
        @pytest.mark.sqs_event
        def test_no_messages(sqs_event):
            assert sqs_event.invocations == []
            assert sqs_event.mapping.state == "Enabled"
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_the_marker_takes_a_queue_of_the_test(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_queue("orders", visibility_timeout=60)
        @pytest.mark.sls_function("echo", timeout=60)
        @pytest.mark.sqs_event("a", queue="orders")
        def test_queue(sqs_event, sls):
            assert sqs_event.queue is sls["orders"]
            assert len(sqs_event.invocations) == 1

        @pytest.mark.sls_function("echo", timeout=60)
        @pytest.mark.sqs_event("a", visibility_timeout=60)
        def test_visibility_timeout(sqs_event):
            assert len(sqs_event.invocations) == 1
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_wrong_arguments_fail_at_the_marker(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.sqs_event(5)
        def test_body(sqs_event):
            pass

        @pytest.mark.sls_queue("orders")
        @pytest.mark.sls_function("echo")
        @pytest.mark.sqs_event("a", queue="orders", fifo=True)
        def test_both(sqs_event):
            pass

        @pytest.mark.sls_function("echo", timeout=31)
        @pytest.mark.sqs_event("a")
        def test_timeout(sqs_event):
            pass

        @pytest.mark.sls_function("echo")
        @pytest.mark.sqs_event("a", batch_size=11)
        def test_window(sqs_event):
            pass
        """
    )
    result = project.run_sls()
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(
        [
            "*test_it.py:3: @pytest.mark.sqs_event: argument 'bodies' takes dict or list*",
            "*test_it.py:9: @pytest.mark.sqs_event: arguments 'queue' and 'fifo' exclude each*",
            "*test_it.py:14: @pytest.mark.sqs_event: *Queue visibility timeout: 30 seconds is "
            "less than Function timeout: 31 seconds*",
            "*test_it.py:19: @pytest.mark.sqs_event: *Maximum batch window in seconds must be*",
        ]
    )
