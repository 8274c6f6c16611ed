"""The cloud ``localstack`` on a real container: pytest and scripts, and what goes wrong."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from localstack_container import container, docker

from slstest import Environment
from slstest.clouds import open_cloud
from slstest.clouds.localstack.container import ContainerSettings, reuse_name
from slstest.clouds.localstack.images import DEFAULT_IMAGE
from slstest.clouds.localstack.labels import containers_of_ours

pytestmark = pytest.mark.usefixtures("docker_daemon")

COPIER = """
    import json, os, boto3

    def handler(event, context):
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        for record in event["Records"]:
            table.put_item(Item={"id": json.loads(record["body"])["id"]})
    """

TESTS = """
    import pytest

    @pytest.mark.parametrize("n", range(2))
    def test_a_queue(sls, n):
        copies, queue = sls.table(), sls.queue()
        copier = sls.function("copier", environment={"TABLE": copies.name})
        copier.triggered_by(queue)
        queue.send({"id": "1"})
        copies.expect_item({"id": "1"})

    def test_a_bucket(sls):
        bucket = sls.bucket()
        bucket.put("a", b"b")
        bucket.expect_object("a", body=b"b")
    """

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of LocalStack but the executor of our image."""
    for name in ("AWS_ENDPOINT_URL", "EDGE_PORT", "LOCALSTACK_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAMBDA_RUNTIME_EXECUTOR", "process")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def run(variables: None, tmp_path: Path) -> Run:
    """Runs pytest on a project of its own, and sees that no container is left."""

    def run(tests: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        for name, text in (("copier/app.py", COPIER), ("test_it.py", tests)):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"),
                *("--sls", "--sls-cloud", "localstack", *arguments),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(autouse=True)
def nothing_left(docker_daemon: None) -> Iterator[None]:
    before = {each.id for each in containers_of_ours()}
    yield
    assert [each for each in containers_of_ours() if each.id not in before] == []


@pytest.mark.parametrize(
    ("runtime", "workers"), [("in-process", ()), ("process", ("-n", "2")), ("cloud", ("-n", "2"))]
)
def test_the_tests_of_a_project_run_on_a_container(
    run: Run, runtime: str, workers: tuple[str, ...]
) -> None:
    done = run(TESTS, "--sls-runtime", runtime, *workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert re.search(
        r"slstest: LocalStack 4\.14\.0 answers at http://127\.0\.0\.1:\d+", done.stdout
    )


def test_the_services_of_the_first_test_are_loaded_before_it_begins(run: Run) -> None:
    done = run(
        """
        import json
        from urllib.request import urlopen

        def test_it(sls):
            url = sls.client("sts").meta.endpoint_url
            services = json.load(urlopen(f"{url}/_localstack/health"))["services"]
            assert (services["dynamodb"], services["kinesis"]) == ("running", "running")
            sls.table()
            sls.stream()
        """
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_at_a_url_workers_that_come_at_once_wait_until_a_service_is_loaded(run: Run) -> None:
    """One that is fresh: what comes while Kinesis loads is refused."""
    with container() as fresh:
        done = run(
            """
            import pytest

            @pytest.mark.parametrize("n", range(8))
            def test_it(sls, n):
                sls.stream().put({"n": n})
            """,
            *("--sls-endpoint", fresh.endpoint, "-n", "4"),
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout


def test_a_script_has_a_container_until_it_closes_the_cloud(variables: None) -> None:
    cloud = open_cloud("localstack")
    with Environment(cloud) as sls:
        bucket = sls.bucket()
        bucket.put("a", b"b")
        bucket.expect_object("a", body=b"b")
    cloud.close()


def test_a_container_that_was_kept_serves_the_next_run(run: Run) -> None:
    reuse = ("--sls-localstack-reuse", "--sls-runtime", "process")
    name = reuse_name(ContainerSettings(image=DEFAULT_IMAGE, reuse=True))
    try:
        first = run(TESTS, *reuse)
        second = run(TESTS, *reuse)
        assert (first.returncode, second.returncode) == (0, 0), second.stdout
        assert "(left by an earlier run)" not in first.stdout
        assert "(left by an earlier run)" in second.stdout
    finally:
        docker("rm", "--force", "--volumes", name)


def test_a_service_that_is_switched_off_skips_its_tests(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICES", "s3")
    done = run(TESTS, "-rs")
    assert "1 passed, 2 skipped" in done.stdout
    assert "(community 4.14.0) has no service 'dynamodb'" in done.stdout


def test_a_container_that_ends_in_mid_test_is_told_with_its_log(run: Run) -> None:
    done = run(
        """
        import subprocess
        from slstest.clouds.localstack.labels import containers_of_ours

        def test_it(sls):
            queue = sls.queue()
            newest = containers_of_ours()[-1].id
            subprocess.run(["docker", "kill", newest], check=True, capture_output=True)
            queue.send("x")
        """
    )
    assert done.returncode == 1
    assert "LocalStack is gone: its container" in done.stdout
    assert "ended with exit code 137" in done.stdout
    assert "  Ready." in done.stdout


def test_one_that_ends_before_it_answers_is_told_with_its_log(run: Run, tmp_path: Path) -> None:
    image = "localstack/localstack:slstest-ends-at-once"
    script = f'FROM {DEFAULT_IMAGE}\nENTRYPOINT ["sh", "-c", "echo no disk; exit 3"]\n'
    subprocess.run(
        ["docker", "build", "--tag", image, "-"],
        input=script.encode(),
        check=True,
        capture_output=True,
    )
    try:
        done = run(TESTS, "--sls-localstack-image", image, "-n", "2")
    finally:
        docker("rmi", "--force", image)
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "did not start: its container" in done.stdout
    assert "exit code 3" in done.stdout
    assert "  no disk" in done.stdout


def test_a_port_that_is_taken_is_told(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run(TESTS, "--sls-localstack-port", str(port))
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert f"the port {port} is taken" in done.stdout


def test_an_image_that_cannot_be_had_is_told(run: Run) -> None:
    """Whether a registry can be reached or not: there is no such tag."""
    done = run(TESTS, "--sls-localstack-image", "localstack/localstack:4.14.99")
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert re.search(r"there is no image|its registry cannot be reached", done.stdout)


def test_containers_that_localstack_made_for_functions_go_with_it(run: Run) -> None:
    """One with the label that LocalStack was told to give them stands for a function's."""
    done = run(
        f"""
        import subprocess
        from slstest.clouds.localstack.labels import containers_of_ours

        def test_it(sls):
            label = "slstest.run=" + containers_of_ours()[-1].run
            command = ["docker", "run", "--detach", "--label", label, "--entrypoint", "sleep"]
            subprocess.run([*command, "{DEFAULT_IMAGE}", "600"], check=True, capture_output=True)
        """,
        *("--sls-runtime", "cloud"),
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "ending",
    [
        "success",
        "failing test",
        "ctrl-c",
        "ctrl-c without workers",
        "worker killed",
        "controller killed",
        "killed without workers",
        "killed at the start",
    ],
)
def test_nothing_is_left_however_a_run_ends(variables: None, ending: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ci.leftovers", "--times", "1", ending],
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
