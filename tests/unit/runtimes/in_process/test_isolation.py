"""What a function has of its own, and what is left of it afterwards."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import threading
import time
import types
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slstest.errors import UnsupportedRuntime
from slstest.runtimes.in_process import InProcessRuntime

from .conftest import Lab, here


def snapshot() -> dict[str, Any]:
    """Everything of this process that a function has its own of."""
    return {
        "variables": dict(os.environ),
        "folder": Path.cwd(),
        "path": sys.path[:],
        "own modules": {n: m for n, m in sys.modules.items() if n in {"app", "helpers", "pkg"}},
        "stdout": sys.stdout,
        "stderr": sys.stderr,
        "breakpointhook": sys.breakpointhook,
        "unraisablehook": sys.unraisablehook,
        "dont_write_bytecode": sys.dont_write_bytecode,
        "excepthook": threading.excepthook,
        "start": threading.Thread.start,
        "_exit": os._exit,
        "tempdir": tempfile.tempdir,
        "handlers": logging.root.handlers[:],
        "level": logging.root.level,
        "filters": logging.root.filters[:],
        "disable": logging.root.manager.disable,
        "converter": logging.Formatter.converter,
        "time zone": time.tzname,
        "warnings": [warnings.filters[:], warnings.showwarning],
    }


MEDDLER = """
    import io, logging, os, sys, tempfile, time, warnings
    import helpers

    def handler(event, context):
        os.environ["MEDDLED"] = "yes"
        os.environ.pop("LANG")
        os.chdir("/")
        sys.path.append("/meddled")
        sys.stdout = io.StringIO()
        sys.breakpointhook = None
        tempfile.tempdir = "/meddled"
        logging.basicConfig(level=logging.DEBUG, force=True)
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        {ending}
    """


@pytest.mark.parametrize(
    ("ending", "error_type"),
    [
        ("return 1", None),
        ("raise ValueError", "ValueError"),
        ("sys.exit(3)", "Runtime.ExitError"),
        ("os._exit(3)", "Runtime.ExitError"),
        ("time.sleep(30)", "Sandbox.Timedout"),
    ],
)
def test_everything_is_restored_however_an_invocation_ends(
    lab: Lab, ending: str, error_type: str | None
) -> None:
    function = lab.deploy({"app.py": MEDDLER.format(ending=ending), "helpers.py": ""}, timeout=0.05)
    before = snapshot()

    outcome = function.invoke()

    assert snapshot() == before
    assert ("errorType" in str(outcome.payload)) == (error_type is not None)
    assert error_type is None or error_type in str(outcome.payload)


def test_everything_is_restored_after_a_failed_import(lab: Lab) -> None:
    function = lab.deploy({"app.py": "import helpers\n1 / 0", "helpers.py": ""})
    before = snapshot()

    assert function.failed()["errorType"] == "ZeroDivisionError"

    assert snapshot() == before


def test_a_failing_test_runner_exception_passes_through_and_restores_everything(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context): raise KeyboardInterrupt")
    before = snapshot()

    with pytest.raises(KeyboardInterrupt):
        function.invoke()

    assert snapshot() == before


def test_what_the_tests_own_tools_raise_is_not_taken_for_the_functions_end(lab: Lab) -> None:
    class Outcome(BaseException):
        pass

    sys.modules["tool_of_the_test"] = types.ModuleType("tool_of_the_test")
    vars(sys.modules["tool_of_the_test"])["Outcome"] = Outcome
    function = lab.deploy(
        """
        import tool_of_the_test
        def handler(event, context): raise tool_of_the_test.Outcome
        """
    )
    try:
        with pytest.raises(Outcome):
            function.invoke()
    finally:
        del sys.modules["tool_of_the_test"]


def test_an_environment_keeps_its_world_between_invocations(lab: Lab) -> None:
    function = lab.deploy(
        """
        import os, sys
        count = 0

        def handler(event, context):
            global count
            count += 1
            seen = [count, os.environ.get("KEPT"), os.getcwd(), "/kept" in sys.path]
            os.environ["KEPT"] = "yes"
            os.chdir("/")
            if "/kept" not in sys.path:
                sys.path.append("/kept")
            return seen
        """
    )

    assert function.returned() == [1, None, str(function.spec.code), False]
    assert function.returned() == [2, "yes", "/", True]


def test_two_environments_of_one_function_share_nothing(lab: Lab) -> None:
    code = lab.write("calls = []\ndef handler(event, context): calls.append(1); return len(calls)")
    one, other = lab.deploy(code), lab.deploy(code)

    assert [one.returned(), one.returned(), other.returned()] == [1, 2, 1]


def test_modules_of_the_same_name_stay_apart(lab: Lab) -> None:
    source = {
        "app.py": """
            import helpers
            from pkg.inner import NAME

            def handler(event, context): return [helpers.NAME, NAME]
            """,
        "pkg/__init__.py": "",
    }
    one, other = (
        lab.deploy(
            {**source, "helpers.py": f"NAME = '{name}'", "pkg/inner.py": f"NAME = 'p{name}'"}
        )
        for name in ("one", "other")
    )

    for _ in range(2):
        assert one.returned() == ["one", "pone"]
        assert other.returned() == ["other", "pother"]
    assert not {"app", "helpers", "pkg", "pkg.inner"} & sys.modules.keys()


def test_a_helper_imported_while_handling_an_event_is_the_functions_own(lab: Lab) -> None:
    source = """
        def handler(event, context):
            import helpers
            helpers.count += 1
            return [helpers.NAME, helpers.count]
        """
    one, other = (
        lab.deploy({"app.py": source, "helpers.py": f"NAME = '{name}'; count = 0"})
        for name in ("one", "other")
    )

    assert [one.returned(), other.returned(), one.returned()] == [
        ["one", 1],
        ["other", 1],
        ["one", 2],
    ]
    assert "helpers" not in sys.modules


def test_packages_without_an_init_file_are_the_functions_own_too(lab: Lab) -> None:
    function = lab.deploy(
        {"src/app.py": "def handler(event, context): return __name__"},
        handler="src.app.handler",
    )

    assert function.returned() == "src.app"
    assert not {"src", "src.app"} & sys.modules.keys()


def test_a_module_of_the_tests_does_not_hide_one_of_the_function(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, within = types.ModuleType("helpers"), types.ModuleType("helpers.inner")
    monkeypatch.setitem(sys.modules, "helpers", mine)
    monkeypatch.setitem(sys.modules, "helpers.inner", within)
    function = lab.deploy(
        {
            "app.py": "import helpers.inner\ndef handler(e, c): return helpers.inner.NAME",
            "helpers/__init__.py": "",
            "helpers/inner.py": "NAME = 'the function'",
        }
    )

    assert function.returned() == "the function"
    assert sys.modules["helpers"] is mine
    assert sys.modules["helpers.inner"] is within


def test_a_module_named_like_one_of_the_standard_library_is_found_as_on_lambda(lab: Lab) -> None:
    import code  # noqa: F401 - Lambda's runtime has not loaded it

    function = lab.deploy(
        {
            "code.py": "import json\ndef handler(event, context): return json.dumps([1])",
            "json.py": "raise RuntimeError('Lambda has loaded the real one')",
        },
        handler="code.handler",
    )

    assert function.returned() == "[1]"
    assert hasattr(sys.modules["code"], "InteractiveConsole")


def test_libraries_that_a_function_imports_stay_loaded_and_are_shared(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    function = lab.deploy("import colorsys\ndef handler(event, context): return id(colorsys)")

    assert function.returned() == id(sys.modules["colorsys"])


def test_no_bytecode_is_written_into_the_code_folder(lab: Lab) -> None:
    function = lab.deploy({"app.py": "import helpers\ndef handler(e, c): 0", "helpers.py": ""})

    function.returned()

    assert not list(function.spec.code.rglob("__pycache__"))


def test_a_function_sees_the_variables_of_lambda_and_its_own(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_TEST", "leaks")
    function = lab.deploy(
        "import os\ndef handler(event, context): return dict(os.environ)",
        variables={"TABLE": "clicks"},
        function_name="reader",
    )

    variables = function.returned()

    assert variables["TABLE"] == "clicks"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "reader"
    assert variables["LAMBDA_TASK_ROOT"] == variables["PWD"] == str(function.spec.code)
    assert variables["_X_AMZN_TRACE_ID"] == "Root=1-1"
    assert function.returned()["_X_AMZN_TRACE_ID"] == "Root=1-2"
    assert not {"OF_THE_TEST", "HOME", "PYTEST_CURRENT_TEST"} & variables.keys()


def test_child_processes_inherit_the_functions_variables(lab: Lab) -> None:
    function = lab.deploy(
        """
        import subprocess
        def handler(event, context):
            return subprocess.run(["env"], capture_output=True, text=True).stdout
        """,
        variables={"TABLE": "clicks"},
    )

    assert "TABLE=clicks\n" in function.returned()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has one time zone only")
def test_a_functions_time_zone_is_utc_unless_it_says_otherwise(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    source = "import time\ndef handler(event, context): return time.timezone"
    try:
        assert lab.deploy(source).returned() == 0
        assert lab.deploy(source, variables={"TZ": "EST5"}).returned() == 5 * 3600
        assert time.timezone == -9 * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_temporary_files_are_private_and_go_with_the_environment(lab: Lab) -> None:
    source = """
        import os, tempfile
        def handler(event, context):
            assert tempfile.gettempdir() == os.environ["TMPDIR"]
            return tempfile.mkstemp()[1]
        """
    one, other = lab.deploy(source), lab.deploy(source)
    files = [Path(one.returned()), Path(other.returned())]

    assert files[0].parent != files[1].parent
    assert files[0].exists()
    one.environment.close()
    assert [file.exists() for file in files] == [False, True]


def test_what_one_function_sets_on_a_logger_is_not_seen_by_the_next(lab: Lab) -> None:
    source = """
        import logging
        logger = logging.getLogger("clicks")
        logger.addHandler(logging.StreamHandler())
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.initialised = True

        def handler(event, context):
            logger.info("counted")
            return [len(logger.handlers), logger.level]
        """
    one, other = lab.deploy(source), lab.deploy(source)

    for function in (one, other, one):
        assert function.returned() == [1, logging.INFO]
        assert function.printed() == ["counted"]
    outside = logging.getLogger("clicks")
    assert (outside.handlers, outside.level, outside.propagate) == ([], logging.NOTSET, True)
    assert not hasattr(outside, "initialised")


def test_a_function_does_not_log_through_the_handlers_of_the_tests(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    function = lab.deploy(
        """
        import logging
        def handler(event, context):
            logging.error("mine")
            return [type(handler).__name__ for handler in logging.root.handlers]
        """
    )

    assert function.returned() == ["LambdaLoggerHandler"]
    assert caplog.messages == []


@pytest.mark.filterwarnings("error")
def test_a_warning_is_a_line_in_the_log_whatever_the_tests_make_of_it(lab: Lab) -> None:
    function = lab.deploy(
        """
        import warnings
        def handler(event, context):
            warnings.warn("careful")
            warnings.warn("old", DeprecationWarning)
        """
    )

    (line, source) = function.printed()

    assert line.endswith("app.py:4: UserWarning: careful")
    assert source.strip() == 'warnings.warn("careful")'


def test_a_handler_may_run_an_event_loop_inside_an_asynchronous_test(lab: Lab) -> None:
    function = lab.deploy(
        """
        import asyncio
        async def answer(): return 42
        def handler(event, context): return asyncio.run(answer())
        """
    )

    async def test() -> object:
        result = function.returned()
        assert asyncio.get_running_loop() is not None
        return result

    assert asyncio.run(test()) == 42


def test_context_variables_of_a_function_do_not_leak(lab: Lab) -> None:
    import decimal

    precision = decimal.getcontext().prec
    function = lab.deploy(
        "import decimal\ndef handler(event, context): decimal.getcontext().prec = 3"
    )
    copy = decimal.getcontext()

    function.returned()

    assert decimal.getcontext() is copy
    assert decimal.getcontext().prec == precision


def test_a_closed_environment_forgets_its_modules(lab: Lab) -> None:
    import gc
    import weakref

    function = lab.deploy(
        """
        class Thing: pass
        def handler(event, context): return None
        """
    )
    function.invoke()
    gc.collect()
    modules = [
        weakref.ref(thing)
        for thing in gc.get_objects()
        if isinstance(thing, types.ModuleType)
        and vars(thing).get("__file__") == str(function.spec.code / "app.py")
    ]
    assert len(modules) == 1

    function.environment.close()
    function.environment.close()
    gc.collect()

    assert modules[0]() is None


def test_with_a_known_source_the_function_runs_from_there(tmp_path: Path, lab: Lab) -> None:
    source = lab.write("import os\ndef handler(e, c): return [__file__, os.getcwd()]")
    code = lab.write(
        {"app.py": "raise RuntimeError('the copy')", "packaged.py": "NAME = 'packaged'"}
    )
    runtime = InProcessRuntime(here, source_of={code: source}.get, scratch=tmp_path)
    function = lab.deploy(code, runtime)
    try:
        assert function.returned() == [str(source / "app.py"), str(source)]
    finally:
        runtime.close()


def test_what_only_the_package_has_is_found_when_running_from_the_source(
    tmp_path: Path, lab: Lab
) -> None:
    source = lab.write("import packaged\ndef handler(e, c): return packaged.NAME")
    code = lab.write({"packaged.py": "NAME = 'packaged'"})
    runtime = InProcessRuntime(here, source_of={code: source}.get, scratch=tmp_path)
    function = lab.deploy(code, runtime)
    try:
        assert function.returned() == "packaged"
        assert "packaged" not in sys.modules
    finally:
        runtime.close()


def test_only_python_can_run_here(lab: Lab) -> None:
    spec = replace(lab.deploy("").spec, runtime="nodejs22.x", function_name="reader")

    with pytest.raises(UnsupportedRuntime, match=r"'reader' has the runtime 'nodejs22\.x'"):
        lab.runtime.start(spec)


def test_a_runtime_without_a_scratch_folder_removes_its_own(lab: Lab) -> None:
    runtime = InProcessRuntime(here)
    function = lab.deploy(
        "import tempfile\ndef handler(e, c): return tempfile.gettempdir()", runtime
    )
    folder = Path(function.returned())
    assert folder.is_dir()

    runtime.close()

    assert not folder.parent.exists()


def test_variables_never_come_from_an_environment_that_is_gone(lab: Lab) -> None:
    folder = lab.write("import os\ndef handler(event, context): return os.environ['NUMBER']")
    seen = []
    for number in range(100):
        function = lab.deploy(folder, variables={"NUMBER": str(number)})
        seen.append(function.returned())
        function.environment.close()
        del function
    assert seen == [str(number) for number in range(100)]


def test_threads_of_a_waiting_function_keep_its_variables(lab: Lab) -> None:
    callee = lab.deploy("def handler(event, context): return event", variables={"NAME": "callee"})
    cloud = types.ModuleType("cloud")
    vars(cloud)["invoke"] = callee.returned
    sys.modules["cloud"] = cloud
    caller = lab.deploy(
        """
        import os, threading
        from concurrent.futures import ThreadPoolExecutor
        import cloud

        def handler(event, context):
            names, over = [], threading.Event()

            def look():
                while not over.is_set():
                    names.append(os.environ["NAME"])

            looker = threading.Thread(target=look)
            looker.start()
            with ThreadPoolExecutor(1) as pool:
                for _ in range(20):
                    pool.submit(cloud.invoke).result()
            over.set()
            looker.join()
            return sorted(set(names))
        """,
        variables={"NAME": "caller"},
    )
    try:
        assert caller.returned() == ["caller"]
    finally:
        del sys.modules["cloud"]
