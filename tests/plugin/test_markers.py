"""Markers: what they are told to be, what they take, and what they do without a fixture."""

from __future__ import annotations

import fnmatch
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

MARKERS = (
    "sls_table",
    "sls_bucket",
    "sls_stream",
    "sls_function",
    "kinesis_event",
    "dynamodb_event",
    "invoke_event",
)
FIXTURES = ("sls", "sls_function", "kinesis_event", "dynamodb_event", "invoke_event")


def test_markers_are_listed_with_all_their_arguments(project: Project) -> None:
    told = project.run("--markers").stdout.str()
    signatures = {
        "sls_table": "name, key='id', sort_key=None, stream=None, **parameters",
        "sls_bucket": "name, **parameters",
        "sls_stream": "name, shard_count=1, **parameters",
        "sls_function": "source, handler=None, runtime=None, environment=None, timeout=None, "
        "memory_size=None, name=None, **parameters",
        "kinesis_event": "*records, partition_key=None, shard_count=None, stream=None, **mapping",
        "dynamodb_event": "*items, key=None, sort_key=None, stream=None, table=None, **mapping",
        "invoke_event": "*payload, invocation_type='RequestResponse', "
        "maximum_retry_attempts=None, maximum_event_age_in_seconds=None, "
        "destination_config=None",
    }
    assert tuple(signatures) == MARKERS
    for name, parameters in signatures.items():
        (line,) = [li for li in told.splitlines() if li.startswith(f"@pytest.mark.{name}(")]
        signature, _, explanation = line.partition(": ")
        assert signature == f"@pytest.mark.{name}({parameters})"
        for parameter in parameters.replace("*", "").split(", "):
            word = parameter.partition("=")[0]
            assert word in explanation or word in ("parameters", "mapping", "name", "records")


def test_fixtures_are_listed_with_an_explanation(project: Project) -> None:
    told = project.run("--fixtures").stdout.str()
    for name in FIXTURES:
        lines = told.splitlines()
        (place,) = [i for i, line in enumerate(lines) if line.startswith(f"{name} -- ")]
        assert lines[place + 1].startswith("    ")
        assert "no docstring" not in lines[place + 1]


def test_markers_are_registered_for_strict_runs(project: Project) -> None:
    marks = "".join(f"@pytest.mark.{name}\n" for name in MARKERS)
    project.tests(f"{marks}def test_it(): pass")
    project.run("--strict-markers").assert_outcomes(skipped=1)


@dataclass(frozen=True)
class Wrong:
    """A wrong marker in the second line of a test file, and what the report says of it."""

    marker: str
    told: str
    after: str = ""


WRONG = {
    "missing argument": Wrong(
        "sls_table()",
        "@pytest.mark.sls_table: missing a required argument: 'name'; it is written "
        "sls_table(name, key='id', sort_key=None, stream=None, **parameters)",
    ),
    "argument given twice": Wrong(
        'sls_table("clicks", "page", key="page")',
        "@pytest.mark.sls_table: multiple values for argument 'key'; it is written *",
    ),
    "too many arguments": Wrong(
        'sls_bucket("archive", "other")',
        "@pytest.mark.sls_bucket: too many positional arguments; it is written "
        "sls_bucket(name, **parameters)",
    ),
    "table key of the wrong type": Wrong(
        'sls_table("clicks", key=3)',
        "@pytest.mark.sls_table: argument 'key' takes str or tuple, not int (3)",
    ),
    "name of the wrong type": Wrong(
        "sls_bucket(7)", "@pytest.mark.sls_bucket: argument 'name' takes str, not int (7)"
    ),
    "no shards": Wrong(
        'sls_stream("clicks", shard_count=0)',
        "@pytest.mark.sls_stream: argument 'shard_count' takes 1 or more, not 0",
    ),
    "a yes for a number": Wrong(
        'sls_stream("clicks", shard_count=True)',
        "@pytest.mark.sls_stream: argument 'shard_count' takes int, not bool (True)",
    ),
    "source of the wrong type": Wrong(
        "sls_function(None)",
        "@pytest.mark.sls_function: argument 'source' takes str or PathLike, not NoneType (None)",
    ),
    "environment of the wrong type": Wrong(
        'sls_function("echo", environment="A=1")',
        "@pytest.mark.sls_function: argument 'environment' takes dict or None, not str ('A=1')",
    ),
    "record of the wrong type": Wrong(
        "kinesis_event(3)",
        "@pytest.mark.kinesis_event: argument 'records' takes dict or list or str or bytes, not "
        "int (3)",
    ),
    "stream and shards": Wrong(
        'kinesis_event(stream="clicks", shard_count=2)',
        "@pytest.mark.kinesis_event: arguments 'stream' and 'shard_count' exclude each other; "
        "give shard_count to the marker sls_stream('clicks')",
    ),
    "two payloads": Wrong(
        "invoke_event(1, 2)",
        "@pytest.mark.invoke_event: takes one payload, not 2; call invoke_event.send(payload) in "
        "the test for more",
    ),
    "unknown invocation type": Wrong(
        'invoke_event({}, invocation_type="DryRun")',
        "@pytest.mark.invoke_event: argument 'invocation_type' takes RequestResponse or Event, "
        "not 'DryRun'",
    ),
    "unknown argument": Wrong(
        'invoke_event({}, invocationtype="Event")',
        "@pytest.mark.invoke_event: unknown argument 'invocationtype'; did you mean "
        "'invocation_type'? There are: invocation_type, maximum_retry_attempts, "
        "maximum_event_age_in_seconds, destination_config",
    ),
    "one name twice": Wrong(
        'sls_bucket("clicks")',
        "@pytest.mark.sls_bucket: the name 'clicks' is already that of the marker sls_table at "
        "test_it.py:3; give each resource a name of its own",
        after='@pytest.mark.sls_table("clicks")',
    ),
    # From here on it takes the cloud's AWS model, a file or another resource to tell.
    "unknown parameter of a table": Wrong(
        'sls_table("clicks", biling_mode="PROVISIONED")',
        "@pytest.mark.sls_table: *'biling_mode'*Did you mean billing_mode*",
    ),
    "unknown parameter of a function": Wrong(
        'sls_function("echo", enviroment={})',
        "@pytest.mark.sls_function: *'enviroment'*Did you mean environment*",
    ),
    "unknown setting of a mapping": Wrong(
        "kinesis_event({}, batchsize=2)",
        "@pytest.mark.kinesis_event: *'batchsize'*Did you mean batch_size*",
        after='@pytest.mark.sls_function("echo")',
    ),
    "missing folder": Wrong(
        'sls_function("ecko")',
        "@pytest.mark.sls_function: sls.function('ecko'): there is no such folder*",
    ),
    "missing module": Wrong(
        'sls_function("echo", handler="main.handler")',
        "@pytest.mark.sls_function: *'main'*Did you mean handler='app.handler'*",
    ),
    "missing handler": Wrong(
        'sls_function("echo", handler="app.handle")',
        "@pytest.mark.sls_function: *app.py has no 'handle'*Did you mean handler='app.handler'*",
    ),
    "unknown runtime": Wrong(
        'sls_function("echo", runtime="cobol85")', "@pytest.mark.sls_function: *cobol85*"
    ),
    "environment over 4 KB": Wrong(
        'sls_function("echo", environment={"BIG": "x" * 5000})',
        "@pytest.mark.sls_function: *4KB*shorter*",
    ),
    "unknown placeholder": Wrong(
        'sls_function("echo", environment={"T": "{clics.name}"})',
        "@pytest.mark.sls_function: {clics.name}: nothing has the name 'clics'. "
        "Names there are: *clicks*",
        after='@pytest.mark.sls_table("clicks")',
    ),
    "unknown attribute in a placeholder": Wrong(
        'sls_function("echo", environment={"T": "{clicks.nmae}"})',
        "@pytest.mark.sls_function: {clicks.nmae}: *has no 'nmae'*",
        after='@pytest.mark.sls_table("clicks")',
    ),
    "unknown stream": Wrong(
        'kinesis_event(stream="clics")',
        "@pytest.mark.kinesis_event: *clics*nothing has this name*",
        after='@pytest.mark.sls_function("echo")',
    ),
    "not a stream": Wrong(
        'kinesis_event(stream="clicks")',
        "@pytest.mark.kinesis_event: argument 'stream' names the table 'clicks'; give the name of "
        "an sls_stream",
        after='@pytest.mark.sls_function("echo")\n@pytest.mark.sls_table("clicks")',
    ),
    "a record over the limit": Wrong(
        'kinesis_event("x" * 2_000_000)',
        "@pytest.mark.kinesis_event: *record 1 of 1: it has 2,000,00? bytes*",
        after='@pytest.mark.sls_function("echo")',
    ),
    "an argument nearly of the operation's name": Wrong(
        'kinesis_event("a", bach_size=2)',
        "@pytest.mark.kinesis_event: *has no parameter 'bach_size'. Did you mean batch_size? The "
        "marker's own are partition_key, shard_count, stream.",
        after='@pytest.mark.sls_function("echo")',
    ),
    "an argument nearly of the marker's own name": Wrong(
        'sqs_event("a", visibilty_timeout=3)',
        "@pytest.mark.sqs_event: *Did you mean the marker's own 'visibility_timeout'[?]",
        after='@pytest.mark.sls_function("echo")',
    ),
    "an argument nearly of the resource's own name": Wrong(
        'sls_table("clicks", sortkey="page")',
        "@pytest.mark.sls_table: *Did you mean sort_key or key? The marker's own are name.",
    ),
    "a payload over the limit": Wrong(
        'invoke_event("x" * 7_000_000)',
        "@pytest.mark.invoke_event: *7,000,002 bytes*6 MB*",
        after='@pytest.mark.sls_function("echo")',
    ),
    "a payload that is no JSON": Wrong(
        "invoke_event({1, 2})",
        "@pytest.mark.invoke_event: *the data is not JSON*",
        after='@pytest.mark.sls_function("echo")',
    ),
}


def test_a_wrong_marker_fails_its_test_at_setup_naming_the_line(
    project: Project, workers: tuple[str, ...]
) -> None:
    project.tests("def test_other(): pass", "test_other.py")
    expected = []
    for number, wrong in enumerate(WRONG.values()):
        project.tests(
            f"@pytest.mark.{wrong.marker}\n{wrong.after}\ndef test_it(): pass\n",
            f"test_{number}.py",
        )
        expected.append(f"test_{number}.py:2: {wrong.told}".replace("test_it.py", "test_*.py"))
    run = project.run_apart if workers else project.run
    result = run("--sls", "--sls-runtime=in-process", *workers)
    result.assert_outcomes(errors=len(WRONG), passed=1)
    missing = [
        told
        for told in expected
        if not any(fnmatch.fnmatchcase(line, told) for line in result.outlines)
    ]
    assert missing == []
    assert result.stdout.str().count("ERROR at setup of test_it") == len(WRONG)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*site-packages*")
    result.stdout.no_fnmatch_line("E  *")


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("@pytest.mark.slow\n@pytest.mark.sls_table()\n@pytest.mark.x\ndef test_it(): pass", 3),
        ("@pytest.mark.sls_table('a')\n@pytest.mark.sls_table()\ndef test_it(): pass", 3),
        ("@pytest.mark.sls_table()\nclass TestIt:\n    def test_it(self): pass", 2),
        ("class TestIt:\n  pytestmark = pytest.mark.sls_table()\n  def test_it(self): pass", 3),
        (
            "pytestmark = [\n  pytest.mark.sls_table('a'),\n  pytest.mark.sls_table(),\n]\n"
            "def test_it(): pass",
            4,
        ),
        ("pytestmark = pytest.mark.sls_table()\n\ndef test_it(): pass", 2),
        # Where the source does not show the marker, the line is that of the test.
        (
            "@pytest.mark.parametrize('n', [pytest.param(1, marks=pytest.mark.sls_table())])\n"
            "def test_it(n): pass",
            2,
        ),
        ("add = pytest.mark.sls_table()\n@add\ndef test_it(): pass", 3),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnknownMarkWarning")
def test_the_line_is_that_of_the_marker_wherever_it_stands(
    project: Project, code: str, line: int
) -> None:
    project.tests(code)
    result = project.run_sls()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"test_it.py:{line}: @pytest.mark.sls_table: missing *"])


@pytest.mark.parametrize("fixture", ["sls_function", "kinesis_event", "invoke_event"])
def test_a_fixture_without_its_marker_fails_its_test_showing_the_marker(
    project: Project, fixture: str
) -> None:
    function = "" if fixture == "sls_function" else "@pytest.mark.sls_function('echo')\n"
    project.tests(f"{function}def test_it({fixture}): pass")
    result = project.run_sls()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            f"test_it.py:2: test_it uses the fixture {fixture}, but has no marker {fixture}. "
            "Put it above the test, its class, or the module, for example:",
            f"    @pytest.mark.{fixture}(*",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_marker_alone_has_its_effect(project: Project) -> None:
    project.file(
        "conftest.py",
        """
        def pytest_runtest_call(item):
            if "event" in item.name:
                event = item.funcargs[item.name.removeprefix("test_")]
                assert len(event.invocations) == 1
            elif item.name == "test_function":
                assert item.funcargs["sls_function"].invoke("hello") == "hello"
            else:
                assert item.funcargs["sls"]["made"].name
        """,
    )
    project.tests(
        """
        @pytest.mark.sls_table("made")
        def test_table(): pass

        @pytest.mark.sls_bucket("made")
        def test_bucket(): pass

        @pytest.mark.sls_stream("made")
        def test_stream(): pass

        @pytest.mark.sls_function("echo", name="made")
        def test_function(): pass

        @pytest.mark.sls_function("echo", name="made")
        @pytest.mark.kinesis_event("hello")
        def test_kinesis_event(): pass

        @pytest.mark.sls_function("echo", name="made")
        @pytest.mark.invoke_event("hello")
        def test_invoke_event(): pass
        """
    )
    project.run_sls().assert_outcomes(passed=6)


def test_a_marker_on_one_set_of_parameters_brings_its_fixture_to_that_one_only(
    project: Project,
) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.parametrize("times", [
            pytest.param(1, marks=pytest.mark.invoke_event("hello")),
            0,
        ])
        def test_it(times, sls_function):
            assert len(sls_function.invocations) == times
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_resource_markers_add_up_and_the_closest_event_marker_wins(project: Project) -> None:
    project.tests(
        """
        pytestmark = [pytest.mark.sls_table("outer"), pytest.mark.sls_function("nowhere")]

        @pytest.mark.sls_function("echo")
        @pytest.mark.invoke_event("class")
        class TestIt:
            @pytest.mark.sls_bucket("inner")
            @pytest.mark.invoke_event("test")
            def test_closest(self, sls, invoke_event):
                assert sls["outer"].name != sls["inner"].name
                assert [i.event for i in invoke_event.invocations] == ["test"]

            def test_class(self, sls, invoke_event):
                assert "inner" not in sls
                assert invoke_event.response == "class"
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_placeholders_are_filled_in_whatever_the_order_of_the_markers(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("env", environment={
            "TABLE": "{clicks.name}", "BOTH": "{clicks.arn},{archive.name}",
            "JSON": '{"table": "x"}',
        })
        @pytest.mark.sls_bucket("archive")
        @pytest.mark.sls_table("clicks", tags=[{"Key": "next", "Value": "{events.name}"}])
        @pytest.mark.sls_table("events", tags=[{"Key": "next", "Value": "{archive.name}"}])
        def test_it(sls, sls_function):
            clicks, archive, events = sls["clicks"], sls["archive"], sls["events"]
            assert sls_function.invoke({}) == {
                "TABLE": clicks.name, "BOTH": f"{clicks.arn},{archive.name}",
                "JSON": '{"table": "x"}',
            }
            list_tags = sls.client("dynamodb").list_tags_of_resource
            for table, other in ((clicks, events), (events, archive)):
                tags = list_tags(ResourceArn=table.arn)["Tags"]
                assert {"Key": "next", "Value": other.name} in tags
        """
    )
    project.function(
        "env",
        """
        import os

        def handler(event, context):
            return {name: os.environ[name] for name in ("TABLE", "BOTH", "JSON")}
        """,
    )
    project.run_sls().assert_outcomes(passed=1)


def test_resources_that_name_one_another_in_a_circle_are_refused(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_table("one", tags=[{"Key": "two", "Value": "{two.name}"}])
        @pytest.mark.sls_table("two", tags=[{"Key": "one", "Value": "{one.name}"}])
        def test_it(): pass
        """
    )
    result = project.run_sls()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_it.py:?: @pytest.mark.sls_table: {*.name}: nothing has *"])


def test_a_wrong_marker_is_found_before_the_cloud_is_started(project: Project) -> None:
    project.file(
        "conftest.py",
        """
        import sys

        def pytest_unconfigure(config):
            print("cloud:", "slstest.environment" in sys.modules)
        """,
    )
    project.tests(
        """
        @pytest.mark.sls_table("clicks")
        @pytest.mark.sls_function("echo")
        @pytest.mark.invoke_event({}, invocation_type="Never")
        def test_it(sls): pass
        """
    )
    result = project.run_apart("--sls")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["test_it.py:4: @pytest.mark.invoke_event: *", "cloud: False"])


def test_an_event_source_of_a_third_party_is_found_by_its_entry_point(project: Project) -> None:
    project.file(
        "pigeon.py",
        textwrap.dedent(
            '''
            import pytest

            from slstest.plugins.markers import Marker, check_type, declare, required


            def read_pigeon_event(*letters, strict=False):
                """Send letters to the function under test by pigeon; strict ones first."""
                check_type("strict", strict, bool)
                return letters


            PIGEON = Marker("pigeon_event", read_pigeon_event, example="pigeon_event('hello')")


            def pytest_configure(config):
                declare(config, PIGEON)


            @pytest.fixture
            def pigeon_event(request, sls, sls_function):
                """A pigeon."""
                use = required(request.node, PIGEON)
                with use.blamed():
                    return [sls_function.invoke(letter) for letter in use.value]
            '''
        ),
    )
    project.file("pigeon-1.0.dist-info/entry_points.txt", "[slstest.plugins]\npigeon = pigeon\n")
    project.file(
        "pigeon-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n"
    )
    project.tests(
        """
        pytestmark = pytest.mark.sls_function("echo")

        @pytest.mark.pigeon_event("coo", strict=True)
        def test_delivered(pigeon_event):
            assert pigeon_event == ["coo"]

        @pytest.mark.pigeon_event("coo", strikt=True)
        def test_wrong(): pass
        """
    )
    project.pytester.syspathinsert()
    result = project.run_sls("--strict-markers")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["test_it.py:8: @pytest.mark.pigeon_event: unknown argument 'strikt'; did you mean *"]
    )
    assert "@pytest.mark.pigeon_event(*letters, strict=False): Send letters" in (
        project.run("--markers").stdout.str()
    )
    project.run("-rs").assert_outcomes(skipped=2)
