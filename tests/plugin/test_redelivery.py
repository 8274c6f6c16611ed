"""The marker ``sls_redelivery``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

CAREFUL = """
    import base64, json, os, boto3

    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

    def handler(event, context):
        for record in event["Records"]:
            page = json.loads(base64.b64decode(record["kinesis"]["data"]))["page"]
            table.put_item(Item={"page": page, "by": context.aws_request_id})
    """


def test_a_function_that_counts_again_fails_its_test(
    project: Project, workers: tuple[str, ...]
) -> None:
    project.tests(
        """
        @pytest.mark.sls_redelivery
        @pytest.mark.sls_table("clicks", key="page")
        @pytest.mark.sls_function("counter", environment={"TABLE": "{clicks.name}"})
        @pytest.mark.kinesis_event({"page": "/home"})
        def test_clicks(kinesis_event, sls):
            sls["clicks"].expect_item({"page": "/home", "count": 1})
        """
    )
    result = project.run_sls(*workers)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*not idempotent: 1 delivery was repeated*",
            "*table 'clicks': item '/home' was *'count': 1* and is now *'count': 2*",
        ]
    )


def test_what_may_differ_is_ignored(project: Project) -> None:
    project.function("careful", CAREFUL)
    project.tests(
        """
        pytestmark = [
            pytest.mark.sls_table("clicks", key="page"),
            pytest.mark.sls_function("careful", environment={"TABLE": "{clicks.name}"}),
            pytest.mark.kinesis_event({"page": "/home"}, {"page": "/cart"}, batch_size=1),
        ]

        @pytest.mark.sls_redelivery(ignore=["by"])
        def test_ignored(kinesis_event, sls):
            sls["clicks"].expect_count(2)

        @pytest.mark.sls_redelivery
        def test_not_ignored(kinesis_event, sls):
            sls["clicks"].expect_count(2)
        """
    )
    result = project.run_sls()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED*test_not_ignored*not idempotent: 2 deliveries*"])


def test_a_test_that_fails_by_itself_is_not_repeated(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_redelivery
        @pytest.mark.sls_function("echo")
        @pytest.mark.kinesis_event({"page": "/home"})
        def test_clicks(kinesis_event):
            assert kinesis_event.invocations == "something else"
        """
    )
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*idempotent*")


def test_without_a_delivery_the_test_fails_and_says_why(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_redelivery
        def test_nothing(sls):
            sls.bucket()
        """
    )
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*test_it.py:2: @pytest.mark.sls_redelivery: nothing was delivered that could be*"]
    )


def test_wrong_arguments_name_the_line(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_redelivery(ignore=3)
        def test_number(sls):
            pass

        @pytest.mark.sls_redelivery(without=["at"])
        def test_unknown(sls):
            pass
        """
    )
    result = project.run_sls()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "*test_it.py:2: @pytest.mark.sls_redelivery: argument 'ignore' takes a list of*not 3*",
            "*test_it.py:6: @pytest.mark.sls_redelivery: unknown argument 'without'*ignore*",
        ]
    )
