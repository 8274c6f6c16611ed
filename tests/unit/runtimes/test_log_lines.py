from datetime import datetime, timezone

import pytest

from slstest.runtimes import log_lines

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:clicks"


@pytest.mark.parametrize(
    ("runtime", "shown"),
    [
        ("python3.12", "python:3.12"),
        ("nodejs22.x", "nodejs:22"),
        ("java21", "java:21"),
        ("provided.al2023", "provided:al2023"),
    ],
)
def test_init_start_names_the_runtime_as_aws_does(runtime: str, shown: str) -> None:
    line = log_lines.init_start(runtime, ARN)

    version, arn = line.removeprefix("INIT_START ").split("\t")
    assert version == f"Runtime Version: {shown}"
    assert arn.startswith("Runtime Version ARN: arn:aws:lambda:eu-west-1::runtime:")


def test_the_runtime_version_is_in_the_partition_of_the_function() -> None:
    arn = log_lines.runtime_version_arn("python3.12", ARN.replace("aws:", "aws-cn:", 1))

    assert arn.startswith("arn:aws-cn:lambda:")


def test_start_and_end_name_the_request() -> None:
    assert log_lines.start("r-1", "$LATEST") == "START RequestId: r-1 Version: $LATEST"
    assert log_lines.end("r-1") == "END RequestId: r-1"


def test_the_report_of_a_warm_invocation_ends_with_a_tab() -> None:
    line = log_lines.report("r-1", duration=1.234, memory_size=128, max_memory_used=40)

    assert line == (
        "REPORT RequestId: r-1\tDuration: 1.23 ms\tBilled Duration: 2 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 40 MB\t"
    )


def test_the_report_of_a_cold_start_bills_the_initialisation_too() -> None:
    line = log_lines.report(
        "r-1", duration=1655.10, memory_size=256, max_memory_used=97, init_duration=322.04
    )

    assert line == (
        "REPORT RequestId: r-1\tDuration: 1655.10 ms\tBilled Duration: 1978 ms\t"
        "Memory Size: 256 MB\tMax Memory Used: 97 MB\tInit Duration: 322.04 ms\t"
    )


def test_a_duration_shown_as_whole_milliseconds_is_billed_as_shown() -> None:
    assert log_lines.billed_duration(5.0000001) == 5
    assert log_lines.billed_duration(5.01) == 6


def test_the_report_of_a_failed_environment_ends_with_its_status() -> None:
    line = log_lines.report(
        "r-1",
        duration=1000.0,
        memory_size=128,
        max_memory_used=3,
        status="error",
        error_type="Runtime.ExitError",
    )

    assert line.endswith("\tMax Memory Used: 3 MB\tStatus: error\tError Type: Runtime.ExitError")


def test_the_init_report_tells_phase_status_and_error_type() -> None:
    assert log_lines.init_report(137.694, status="error", error_type="Runtime.ExitError") == (
        "INIT_REPORT Init Duration: 137.69 ms\tPhase: init\tStatus: error\t"
        "Error Type: Runtime.ExitError"
    )
    assert log_lines.init_report(10000, status="timeout", phase="invoke") == (
        "INIT_REPORT Init Duration: 10000.00 ms\tPhase: invoke\tStatus: timeout"
    )


def test_a_timeout_is_told_with_moment_request_and_seconds() -> None:
    at = datetime(2026, 6, 23, 14, 8, 22, 417999, tzinfo=timezone.utc)

    assert log_lines.timed_out("r-1", 1, at) == (
        "2026-06-23T14:08:22.417Z r-1 Task timed out after 1.00 seconds"
    )
    assert log_lines.timeout_message("r-1", 1.0) == (
        "RequestId: r-1 Error: Task timed out after 1.00 seconds"
    )


def test_an_exit_is_told_with_its_reason() -> None:
    message = log_lines.exit_message("r-1", "exit status 3")

    assert message == "RequestId: r-1 Error: Runtime exited with error: exit status 3"
    assert log_lines.crashed(message, "Runtime.ExitError") == f"{message}\nRuntime.ExitError"


def test_an_exit_with_status_0_gives_no_reason() -> None:
    assert log_lines.exit_message("r-1", None) == (
        "RequestId: r-1 Error: Runtime exited without providing a reason"
    )
