"""The cloud ``localstack`` without Docker: options, messages, one that runs already."""

from __future__ import annotations

import http.server
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import execnet
import other_hosts
import pytest
from fake_daemon import FakeDaemon

from slstest.plugins.localstack import is_here
from slstest.plugins.services import services_of
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

LOCALSTACK = ("--sls", "--sls-cloud=localstack")


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that nobody started, and no LocalStack that the environment names."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    for name in ("AWS_ENDPOINT_URL", "LOCALSTACK_HOST", "EDGE_PORT", "LOCALSTACK_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


class FakeLocalStack(http.server.ThreadingHTTPServer):
    """One that has S3 only, and does nothing."""

    daemon_threads = True
    services: dict[str, str] | None

    def __init__(self) -> None:
        self.services = {"s3": "available", "dynamodb": "disabled"}
        self.asked: list[str] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.asked.append(self.path)
                told = {"edition": "community", "version": "4.14.0", "services": server.services}
                content = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[FakeLocalStack]:
    started = FakeLocalStack()
    thread = threading.Thread(target=started.serve_forever, args=(0.01,))
    thread.start()
    yield started
    started.shutdown()
    thread.join()
    started.server_close()


def test_without_docker_the_run_ends_with_one_message(
    project: Project, workers: tuple[str, ...]
) -> None:
    project.tests("@pytest.mark.parametrize('n', range(4))\ndef test_it(sls, n): pass")
    result = project.run_apart(*LOCALSTACK, *workers)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    output = result.stdout.str() + result.stderr.str()
    assert output.count("no Docker daemon answers") == 1
    assert "Traceback" not in output
    result.assert_outcomes()


@pytest.fixture
def hosts(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., pytest.RunResult]]:
    """Runs the tests of the project on other hosts, and sees that nothing stays there."""
    folder = tmp_path_factory.mktemp("hosts")
    monkeypatch.setenv("PATH", f"{other_hosts.make_ssh(folder)}{os.pathsep}{os.environ['PATH']}")

    def run(*names: str) -> pytest.RunResult:
        workers = [f"ssh={name}" for name in names]
        tests = other_hosts.pytest_arguments(project.folder / "test_it.py", *workers)
        return project.run_apart(*LOCALSTACK, *tests)

    yield run
    wait_until("the hosts to be clean", lambda: not other_hosts.left(folder) or None)


def test_a_host_where_the_container_does_not_start_ends_the_run_with_one_message(
    project: Project, hosts: Callable[..., pytest.RunResult]
) -> None:
    project.tests("@pytest.mark.parametrize('n', range(4))\ndef test_it(sls, n): pass")
    result = hosts("one", "one", "other")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    output = result.stdout.str() + result.stderr.str()
    assert output.count("no Docker daemon answers") == 1
    assert f"slstest: on {socket.gethostname()}: no Docker daemon answers" in output
    assert "Traceback" not in output
    result.assert_outcomes()


def test_on_other_hosts_nothing_is_started_where_no_test_can_use_it(
    project: Project, hosts: Callable[..., pytest.RunResult]
) -> None:
    project.tests("def test_it(): pass")
    result = hosts("one")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*Docker*")


@pytest.mark.parametrize("arguments", [("--collect-only",), ("--fixtures",), ("--setup-plan",)])
def test_what_runs_no_test_starts_nothing(project: Project, arguments: tuple[str, ...]) -> None:
    project.tests("def test_it(sls): pass")
    result = project.run(*LOCALSTACK, *arguments)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*Docker*")


def test_where_no_test_can_use_it_nobody_waits_for_it(
    project: Project, workers: tuple[str, ...]
) -> None:
    project.tests("def test_it(): pass")
    result = project.run_apart(*LOCALSTACK, *workers)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*Docker*")


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    """One that starts containers, with a LocalStack in each that has nothing."""
    started = FakeDaemon()
    monkeypatch.setenv("DOCKER_HOST", started.host)
    yield started
    started.stop()
    assert started.containers == []


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import no_such_module", "1 error during collection"),
        ("import pytest; pytest.exit('enough')", "enough"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_where_the_collection_fails_nobody_waits_for_it(
    project: Project, daemon: FakeDaemon, code: str, told: str
) -> None:
    daemon.never_ready = True
    project.tests("def test_it(sls): pass")
    project.file("test_wrong.py", code)
    result = project.run_apart(*LOCALSTACK)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*{told}*"])
    assert "LocalStack" not in result.stdout.str()


def test_a_test_that_asks_for_sls_when_it_runs_has_it(
    project: Project, daemon: FakeDaemon, workers: tuple[str, ...]
) -> None:
    """No test names it, so that the start was given up: those of pytest-bdd do so."""
    project.tests(
        """
        @pytest.mark.parametrize("n", range(4))
        def test_it(request, n):
            request.getfixturevalue("sls")
        """
    )
    result = project.run_apart(*LOCALSTACK, *workers)
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("spec", "here"), [("popen", True), ("popen//via=gate", False), ("ssh=one", False)]
)
def test_a_worker_behind_another_machine_is_not_taken_for_one_here(spec: str, here: bool) -> None:
    assert is_here(execnet.XSpec(spec)) is here


def test_an_image_that_wants_an_account_is_refused_before_anything_starts(
    project: Project,
) -> None:
    project.tests("def test_it(sls): pass")
    project.file("pytest.ini", "[pytest]\nsls_localstack_image = localstack/localstack:latest\n")
    result = project.run(*LOCALSTACK)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: sls_localstack_image in pytest.ini: *LOCALSTACK_AUTH_TOKEN is not set*"]
    )
    assert project.run("--sls").ret == pytest.ExitCode.OK, "it may wait for another cloud"


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "4566.5"])
def test_what_is_no_port_is_refused(project: Project, port: str) -> None:
    result = project.run(*LOCALSTACK, f"--sls-localstack-port={port}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --sls-localstack-port: '{port}' is no port; give one from 1 to 65535"]
    )


def test_the_header_says_what_is_kept_and_how_to_remove_it(project: Project) -> None:
    project.tests("def test_it(): pass")
    result = project.run(*LOCALSTACK, "--sls-localstack-reuse")
    result.stdout.fnmatch_lines(
        [
            "slstest: localstack cloud (localstack/localstack:4.14.0, stays for the next run; "
            "docker rm --force --volumes slstest-localstack-* removes it), process runtime"
        ]
    )


def test_one_that_the_environment_names_is_used_and_the_header_says_so(
    project: Project, server: FakeLocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", f"127.0.0.1:{server.server_port}")
    project.tests("def test_it(sls): pass")
    result = project.run(*LOCALSTACK)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [f"slstest: localstack cloud at {server.url} (because of LOCALSTACK_HOST), process runtime"]
    )


def test_options_of_a_container_are_refused_where_a_localstack_was_found(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", "127.0.0.1:1")
    result = project.run(*LOCALSTACK, "--sls-localstack-reuse")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --sls-localstack-reuse: *127.0.0.1:1 (LOCALSTACK_HOST) runs already*"]
    )


def test_a_url_wins_over_the_environment(
    project: Project, server: FakeLocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", "elsewhere")
    project.tests("def test_it(sls): pass")
    result = project.run(*LOCALSTACK, f"--sls-endpoint={server.url}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"slstest: localstack cloud at {server.url}, process runtime"])


def test_a_variable_that_names_no_localstack_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", "here:http")
    result = project.run(*LOCALSTACK)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: LOCALSTACK_HOST=here:http: *"])


NEEDS_A_TABLE = """
    @pytest.fixture
    def table(sls):
        return sls.table()

    def test_by_call(sls):
        sls.table()

    def test_by_fixture(table): pass

    @pytest.mark.sls_table("clicks")
    def test_by_marker(): pass

    def test_by_client(sls):
        sls.client("cognito-idp")

    def test_without(sls): pass
    """


@pytest.mark.parametrize("cloud", ["localstack", "endpoint"])
@pytest.mark.parametrize("runtime", ["process", "cloud"])
def test_a_test_that_needs_a_service_which_the_cloud_lacks_is_skipped(
    project: Project, server: FakeLocalStack, cloud: str, runtime: str
) -> None:
    project.tests(NEEDS_A_TABLE)
    place = (f"--sls-cloud={cloud}", f"--sls-endpoint={server.url}", f"--sls-runtime={runtime}")
    result = project.run("--sls", "-rs", *place)
    result.assert_outcomes(passed=1, skipped=4)
    result.stdout.fnmatch_lines(
        [
            f"SKIPPED * {server.url} (community 4.14.0) has no service 'dynamodb', which this "
            "test needs",
            "SKIPPED * has no service 'cognito-idp', which this test needs",
        ]
    )


def test_or_it_fails_where_that_is_asked_for(project: Project, server: FakeLocalStack) -> None:
    project.tests(NEEDS_A_TABLE)
    project.file("pytest.ini", "[pytest]\nsls_strict = true\n")
    result = project.run(*LOCALSTACK, f"--sls-endpoint={server.url}")
    result.assert_outcomes(passed=1, failed=2, errors=2)
    result.stdout.fnmatch_lines(["E *Unavailable: * has no service 'dynamodb'*"])


def test_what_is_no_cloud_is_asked_once(project: Project, server: FakeLocalStack) -> None:
    server.services = None
    project.tests("@pytest.mark.parametrize('n', range(3))\ndef test_it(sls, n): pass")
    result = project.run(*LOCALSTACK, f"--sls-endpoint={server.url}")
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines([f"{server.url} answers, but not as an AWS cloud does *"])
    assert server.asked.count("/_localstack/health") == 1


@pytest.mark.parametrize(
    ("test", "services"),
    [
        ("def test_it(): client('s3')", set()),
        ("def test_it(sls): pass", set()),
        ("def test_it(sls): sls.table(); [sls.queue() for _ in '12']", {"dynamodb", "sqs"}),
        ("def test_it(sls): (lambda: sls.topic())()", {"sns", "sqs"}),
        ("def test_it(sls): sls.client('ssm')", {"ssm"}),
        (
            "@pytest.fixture\ndef orders(sls): return sls.table(stream=True)\n"
            "def test_it(sls, orders): sls.function('f').triggered_by(orders)",
            {"dynamodb", "dynamodbstreams", "lambda", "logs"},
        ),
        ("@pytest.mark.sls_bucket('b')\ndef test_it(): pass", {"s3"}),
        ("@pytest.mark.dynamodb_event()\ndef test_it(): pass", {"dynamodb", "dynamodbstreams"}),
        ("def test_it(kinesis_event): pass", {"kinesis", "lambda", "logs"}),
        ("def test_it(sls): sls.function('f')", {"lambda", "logs"}),
    ],
)
def test_the_services_of_a_test_are_guessed_from_its_source(
    pytester: pytest.Pytester, test: str, services: set[str]
) -> None:
    items = pytester.getitems(f"import pytest\n{test}")
    found = services_of(items, functions_there=True)
    assert (
        found
        & {"dynamodb", "dynamodbstreams", "kinesis", "lambda", "logs", "s3", "sns", "sqs", "ssm"}
        == services
    )
    assert services_of(items, functions_there=False) == found - {"lambda", "logs"}
