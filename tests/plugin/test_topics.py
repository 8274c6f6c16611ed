"""The marker of topics, end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

ANNOUNCER = """
    import json, os, boto3

    sns = boto3.client("sns")

    def handler(event, context):
        for record in event["Records"]:
            sns.publish(TopicArn=os.environ["NEWS"], Message=record["body"], Subject="news")
    """


def test_both_styles_see_what_a_function_publishes(project: Project) -> None:
    project.function("announcer", ANNOUNCER)
    project.tests(
        """
        def test_fixture_style(sls):
            news, archive, orders = sls.topic(), sls.queue(), sls.queue()
            news.subscribe(archive, raw_message_delivery=True)
            announcer = sls.function("announcer", environment={"NEWS": news.arn})
            announcer.triggered_by(orders)

            orders.send({"order": 1})

            assert news.expect_message({"order": 1}).subject == "news"
            archive.expect_message({"order": 1})
            news.expect_no_message({"order": 2})

        @pytest.mark.sls_topic("news", display_name="News")
        @pytest.mark.sls_function("announcer", environment={"NEWS": "{news.arn}"})
        @pytest.mark.sqs_event({"order": 1})
        def test_marker_style(sqs_event, sls):
            assert [message.body for message in sls["news"].messages()] == [{"order": 1}]
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_a_function_process_publishes(project: Project) -> None:
    project.function("announcer", ANNOUNCER)
    project.tests(
        """
        @pytest.mark.sls_topic("news", fifo=False)
        @pytest.mark.sls_function("announcer", environment={"NEWS": "{news.arn}"})
        @pytest.mark.sqs_event({"order": 1})
        def test_it(sqs_event, sls):
            sls["news"].expect_message({"order": 1})
        """
    )
    project.run("--sls", "--sls-runtime", "process").assert_outcomes(passed=1)


def test_a_redelivery_that_publishes_again_is_no_idempotent_one(project: Project) -> None:
    project.function("announcer", ANNOUNCER)
    project.tests(
        """
        @pytest.mark.sls_redelivery
        @pytest.mark.sls_topic("news")
        @pytest.mark.sls_function("announcer", environment={"NEWS": "{news.arn}"})
        @pytest.mark.sqs_event({"order": 1})
        def test_it(sqs_event, sls):
            sls["news"].expect_message({"order": 1})
        """
    )
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*topic 'news'*"])


def test_wrong_arguments_fail_at_the_marker(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_topic("news", fifo="yes")
        def test_type(sls):
            pass

        @pytest.mark.sls_topic("news", displayname="News")
        def test_attribute(sls):
            pass
        """
    )
    result = project.run_sls()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "test_it.py:2: @pytest.mark.sls_topic: argument 'fifo' takes bool, not str ('yes')",
            "test_it.py:6: @pytest.mark.sls_topic: *no attribute 'displayname'. Did you mean dis*",
        ]
    )


def test_a_failure_tells_what_was_not_delivered(project: Project) -> None:
    project.tests(
        """
        def test_it(sls):
            news, archive = sls.topic(), sls.queue()
            sls.client("sns").subscribe(TopicArn=news.arn, Protocol="sqs", Endpoint=archive.arn)
            news.publish("hello")
            sls.settle()
            assert archive.messages() != []
        """
    )
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*slstest not delivered*",
            "not delivered:",
            "  topic * could not deliver to arn:aws:sqs:*: the queue's policy does not allow *",
        ]
    )
