"""Options and their ini twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

CLOUDS = "choose from embedded, localstack, endpoint, aws"
RUNTIMES = "choose from process, in-process, cloud"

WRONG = {
    ("cloud", "moon"): f"unknown value 'moon'; {CLOUDS}",
    ("region", "moon"): "'moon' is no AWS region; one looks like eu-west-1",
    ("runtime", "docker"): f"unknown value 'docker'; {RUNTIMES}",
    ("runtime", "cloud"): "the embedded cloud executes no function itself; choose process or "
    "in-process",
    ("timeout", "0"): "is not a time to wait; give seconds above 0, such as 30 or 2.5",
    ("timeout", "-1"): "is not a time to wait; give seconds above 0",
    ("timeout", "nan"): "is not a time to wait; give seconds above 0",
    ("timeout", "inf"): "is not a time to wait; give seconds above 0",
    ("timeout", "soon"): "seconds above 0, such as 30 or 2.5",
    ("ahead", "-1"): "is not a number of coming tests; give 0, 1, 2 or more",
    ("ahead", "1.5"): "is not a number of coming tests; give 0, 1, 2 or more",
    ("ahead", "some"): "0, 1, 2 or more",
    # The form is checked on every cloud, this one too, which has no use for them.
    ("endpoint", "foo"): "'foo' is no URL of an endpoint; one looks like http://localhost:4566",
    ("localstack-image", "Local Stack"): "'Local Stack' is no name of an image; one looks like",
    ("localstack-port", "abc"): "from 1 to 65535",
    ("localstack-port", "0"): "'0' is no port; give one from 1 to 65535",
    ("localstack-port", "99999"): "'99999' is no port; give one from 1 to 65535",
}


@pytest.fixture
def plain_test(project: Project) -> Project:
    """A project with one test that does not use the harness."""
    project.tests("def test_plain(): pass")
    return project


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_a_wrong_option_is_refused_with_the_right_values(
    plain_test: Project, option: str, value: str
) -> None:
    result = plain_test.run(f"--sls-{option}={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --sls-{option}: *{WRONG[option, value]}*"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_a_wrong_ini_setting_is_refused_naming_the_file(
    plain_test: Project, option: str, value: str
) -> None:
    name = f"sls_{option.replace('-', '_')}"
    plain_test.file("pytest.ini", f"[pytest]\n{name} = {value}\n")
    result = plain_test.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {name} in pytest.ini: *{WRONG[option, value]}*"])


@pytest.mark.skipif(
    (9, 0) <= pytest.version_tuple < (9, 2),
    reason="these versions of pytest read the numbers themselves",
)
@pytest.mark.parametrize("setting", ["timeout", "ahead", "localstack-port"])
def test_the_command_line_and_the_ini_file_say_the_same_of_what_is_no_number(
    plain_test: Project, setting: str
) -> None:
    name = f"sls_{setting.replace('-', '_')}"
    told = plain_test.run(f"--sls-{setting}=some").stderr.str().strip()
    plain_test.file("pytest.ini", f"[pytest]\n{name} = some\n")
    assert f"{name} in pytest.ini: {told.partition(': ')[2].partition(': ')[2]}" in (
        plain_test.run().stderr.str()
    )


@pytest.mark.parametrize(
    ("setting", "option"),
    [
        ("sls = maybe", "--sls"),
        ("sls_cloud = moon", "--sls-cloud=embedded"),
        ("sls_region = moon", "--sls-region=eu-west-1"),
        ("sls_keep = maybe", "--sls-keep"),
        ("sls_strict = maybe", "--sls-strict"),
        ("sls_timeout = -1", "--sls-timeout=1"),
    ],
)
def test_a_wrong_ini_setting_is_told_even_where_the_command_line_beats_it(
    plain_test: Project, setting: str, option: str
) -> None:
    plain_test.file("pytest.ini", f"[pytest]\n{setting}\n")
    result = plain_test.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {setting.partition(' ')[0]} in pytest.ini: *"])


def test_the_cloud_endpoint_needs_to_know_where_it_is(plain_test: Project) -> None:
    result = plain_test.run("--sls-cloud=endpoint")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sls-cloud endpoint: say where it is, with --sls-endp*"])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:4566", "is no URL of an endpoint; one looks like http://localhost:4566"),
        ("https://sqs.us-east-1.amazonaws.com", "is AWS itself; to test on AWS choose the cloud"),
    ],
)
def test_a_wrong_url_is_refused(plain_test: Project, url: str, said: str) -> None:
    result = plain_test.run("--sls-cloud=endpoint", f"--sls-endpoint={url}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --sls-endpoint: *{said}*"])


def test_a_url_goes_with_the_cloud_endpoint(plain_test: Project) -> None:
    result = plain_test.run("--sls-endpoint=http://localhost:4566")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sls-endpoint: *add --sls-cloud endpoint*"])


def test_a_url_in_the_ini_file_waits_for_the_runs_that_choose_its_cloud(
    plain_test: Project,
) -> None:
    plain_test.file("pytest.ini", "[pytest]\nsls_endpoint = http://localhost:4566\n")
    plain_test.run("--sls").stdout.fnmatch_lines(["slstest: embedded cloud, process runtime"])
    plain_test.run("--sls", "--sls-cloud=endpoint").stdout.fnmatch_lines(
        ["slstest: endpoint cloud at http://localhost:4566, process runtime"]
    )


CONTAINER = ("--sls-localstack-image=x", "--sls-localstack-port=1", "--sls-localstack-reuse")


@pytest.mark.parametrize("option", CONTAINER)
@pytest.mark.parametrize(
    ("place", "said"),
    [
        ([], "the cloud 'embedded' starts no container; add --sls-cloud localstack*"),
        (["--sls-cloud=aws"], "the cloud 'aws' starts no container*"),
        (
            ["--sls-cloud=endpoint", "--sls-endpoint=http://x:1"],
            "the cloud 'endpoint' starts no container*",
        ),
        (
            ["--sls-cloud=localstack", "--sls-endpoint=http://x:1"],
            "the LocalStack at http://x:1 (--sls-endpoint) runs already*",
        ),
    ],
)
def test_a_container_s_option_without_a_container_is_refused(
    plain_test: Project, option: str, place: list[str], said: str
) -> None:
    result = plain_test.run(*place, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    name = option.partition("=")[0]
    result.stderr.fnmatch_lines([f"ERROR: {name}: {said}"])


def test_a_container_s_settings_in_the_ini_file_wait_for_their_cloud(plain_test: Project) -> None:
    settings = "sls_localstack_image = x\nsls_localstack_port = 1\nsls_localstack_reuse = true\n"
    plain_test.file("pytest.ini", f"[pytest]\n{settings}")
    plain_test.run("--sls").stdout.fnmatch_lines(["slstest: embedded cloud, process runtime"])


def test_only_a_cloud_elsewhere_runs_functions_itself(plain_test: Project) -> None:
    result = plain_test.run(
        "--sls", "--sls-cloud=endpoint", "--sls-endpoint=http://x:1", "--sls-runtime=cloud"
    )
    result.stdout.fnmatch_lines(["slstest: endpoint cloud at http://x:1, cloud runtime"])


@pytest.mark.parametrize(
    ("setting", "cure"),
    [
        ("sls = perhaps", "it takes true or false"),
        ("sls_keep = perhaps", "it takes true or false"),
        ("sls_localstack_reuse = perhaps", "it takes true or false"),
        ("sls_timeout = soon", "seconds above 0, such as 30 or 2.5"),
    ],
)
def test_an_ini_setting_of_the_wrong_kind_is_refused_with_what_it_takes(
    plain_test: Project, setting: str, cure: str
) -> None:
    plain_test.file("pytest.ini", f"[pytest]\n{setting}\n")
    result = plain_test.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    name = setting.partition(" ")[0]
    result.stderr.fnmatch_lines([f"ERROR: {name} in pytest.ini: *{cure}*"])


def test_a_wrong_option_ends_a_parallel_run_before_it_starts_workers(plain_test: Project) -> None:
    result = plain_test.run_apart("-n", "2", "--sls-cloud", "moon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --sls-cloud: *{CLOUDS}"])
    result.stdout.no_fnmatch_line("*workers*")


@pytest.mark.parametrize(
    ("ini", "args", "header"),
    [
        ("", ["--sls"], "slstest: embedded cloud, process runtime"),
        ("sls = true", [], "slstest: embedded cloud, process runtime"),
        ("sls = false", ["--sls"], "slstest: embedded cloud, process runtime"),
        ("sls = true", ["--no-sls"], None),
        ("sls = true", ["--sls", "--no-sls"], None),
        ("sls = false", [], None),
        ("", [], None),
        ("sls_runtime = in-process", ["--sls"], "slstest: embedded cloud, in-process runtime"),
        (
            "sls_runtime = in-process",
            ["--sls", "--sls-runtime=process"],
            "slstest: embedded cloud, process runtime",
        ),
        ("sls_cloud = aws", ["--sls", "--sls-cloud=embedded"], "slstest: embedded cloud, *"),
        ("sls_timeout = 2.5", ["--sls"], "slstest: *"),
    ],
)
def test_the_command_line_beats_the_ini_file_and_the_header_tells_what_holds(
    plain_test: Project, ini: str, args: list[str], header: str | None
) -> None:
    plain_test.file("pytest.ini", f"[pytest]\n{ini}\n")
    result = plain_test.run(*args)
    assert result.ret == 0
    if header is None:
        result.stdout.no_fnmatch_line("slstest: *")
    else:
        result.stdout.fnmatch_lines([header])


@pytest.mark.skipif(
    pytest.version_tuple < (9, 0),
    reason="pytest reads typed settings from TOML since version 9",
)
def test_settings_are_written_as_numbers_and_booleans_in_toml(plain_test: Project) -> None:
    plain_test.file(
        "pyproject.toml",
        "[tool.pytest]\nsls = true\nsls_keep = false\nsls_timeout = 5\nsls_ahead = 1\n"
        "sls_localstack_port = 4566\n",
    )
    result = plain_test.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["slstest: embedded cloud, process runtime"])


@pytest.mark.skipif(
    pytest.version_tuple < (9, 0),
    reason="pytest reads typed settings from TOML since version 9",
)
def test_a_wrong_number_in_toml_is_told_as_it_was_written(plain_test: Project) -> None:
    plain_test.file("pyproject.toml", "[tool.pytest]\nsls_localstack_port = 99999\n")
    result = plain_test.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: sls_localstack_port in pyproject.toml: '99999' is no port; give one from 1 to *"]
    )


@pytest.mark.parametrize("option", ["--pdb", "--trace"])
def test_a_debugger_takes_the_in_process_runtime_by_itself(
    plain_test: Project, option: str
) -> None:
    plain_test.file("pytest.ini", "[pytest]\nsls_runtime = process\n")
    result = plain_test.run("--sls", option, "--collect-only")
    result.stdout.fnmatch_lines(
        [f"slstest: embedded cloud, in-process runtime (because of {option})"]
    )


def test_a_runtime_named_on_the_command_line_stays_under_a_debugger(plain_test: Project) -> None:
    result = plain_test.run("--sls", "--pdb", "--sls-runtime=process")
    result.stdout.fnmatch_lines(["slstest: embedded cloud, process runtime"])


def test_the_timeout_is_how_long_the_harness_waits(project: Project) -> None:
    project.tests(
        """
        import time

        def test_slow(sls):
            function = sls.function("slow")
            function.invoke_async({})
            sls.settle()
        """
    )
    project.function("slow", "import time\ndef handler(event, context):\n    time.sleep(0.5)\n")
    result = project.run_sls("--sls-timeout=0.1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E  *NotSettled: *0.1 s*"])


def test_help_explains_every_option_and_its_ini_twin(project: Project) -> None:
    told = project.run("--help").stdout.str()
    for name in ("cloud", "endpoint", "region", "runtime", "timeout", "keep"):
        assert f"--sls-{name}" in told
        assert f"sls_{name}" in told
    assert "--no-sls" in told
    assert "embedded, localstack, endpoint, aws" in " ".join(told.split())
    assert "process, in-process, cloud" in " ".join(told.split())


def test_the_cloud_aws_needs_an_allowed_account_and_a_region(
    plain_test: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    result = plain_test.run("--sls", "--sls-cloud=aws")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sls-cloud aws: no AWS region is said; give --sls-reg*"])
    result = plain_test.run("--sls", "--sls-cloud=aws", "--sls-region=eu-west-1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sls-cloud aws: no AWS account is allowed.*"])
    plain_test.file("pytest.ini", "[pytest]\nsls_cloud = aws\n")
    assert plain_test.run().ret == 0  # nothing of the harness runs


@pytest.mark.parametrize("between", [" ", ", ", ",", "\n    "])
def test_allowed_accounts_are_listed_in_the_ini_file(plain_test: Project, between: str) -> None:
    accounts = between.join(["123456789012", "210987654321"])
    plain_test.file("pytest.ini", f"[pytest]\nsls_aws_accounts = {accounts}\n")
    result = plain_test.run("--sls", "--sls-cloud=aws", "--sls-region=eu-west-1")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["slstest: aws cloud in eu-west-1, process runtime"])
    plain_test.file("pytest.ini", "[pytest]\nsls_aws_accounts = sandbox\n")
    result = plain_test.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: sls_aws_accounts in pytest.ini: 'sandbox' is no id of*"])
