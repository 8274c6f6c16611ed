"""A project with functions and tests of its own, on which pytest is run with the plugin."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from slstest.clouds import open_cloud
from slstest.environment import Environment

COUNTER = """
    import json, os, base64, boto3

    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

    def handler(event, context):
        for record in event["Records"]:
            page = json.loads(base64.b64decode(record["kinesis"]["data"]))["page"]
            table.update_item(
                Key={"page": page},
                UpdateExpression="ADD #c :one",
                ExpressionAttributeNames={"#c": "count"},
                ExpressionAttributeValues={":one": 1},
            )
            print("counted", page)
"""

ECHO = """
    def handler(event, context):
        print("echo", event)
        if event == "fail":
            raise ValueError("asked to fail")
        return event
"""


class Project:
    """A folder with tests and functions, and a way to run pytest on it."""

    # Hypothesis imports itself, for a second, at the end of every run that has failures.
    LEAN = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.folder: Path = pytester.path

    def file(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def function(self, name: str, code: str) -> None:
        """Write a function's folder."""
        self.file(f"{name}/app.py", code)

    def tests(self, code: str, name: str = "test_it.py") -> None:
        """Write a test file, with pytest imported in its first line."""
        self.file(name, "import pytest\n" + textwrap.dedent(code).lstrip("\n"))

    def run(self, *args: str) -> pytest.RunResult:
        """Run pytest in this process."""
        return self.pytester.runpytest_inprocess(*self.LEAN, *args)

    def run_sls(self, *args: str) -> pytest.RunResult:
        """Run pytest in this process, functions included: the cheapest run that has a cloud."""
        return self.run("--sls", "--sls-runtime", "in-process", *args)

    def run_apart(self, *args: str) -> pytest.RunResult:
        """Run pytest in a process of its own."""
        return self.pytester.runpytest_subprocess(*self.LEAN, *args)


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import the embedded cloud once: whatever a run inside a test imports first is dropped
    from ``sys.modules`` at its end, and would be imported again by the next."""
    source = tmp_path_factory.mktemp("warm") / "app.py"
    source.write_text(textwrap.dedent(ECHO), encoding="utf-8")
    cloud = open_cloud(runtime="in-process")
    with Environment(cloud) as sls:
        sls.bucket()
        function = sls.function(source)
        function.triggered_by(sls.stream())
        sls.table().put({"id": "1"})
        sls.settle()
    cloud.close()


@pytest.fixture
def project(warm: None, pytester: pytest.Pytester) -> Project:
    """A new project with the functions ``counter`` and ``echo``."""
    made = Project(pytester)
    made.function("counter", COUNTER)
    made.function("echo", ECHO)
    return made


@pytest.fixture(params=[(), ("-n", "2")], ids=["plain", "xdist"])
def workers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The arguments of a run in one process, and of one with xdist."""
    args: tuple[str, ...] = request.param
    return args
