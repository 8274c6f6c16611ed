"""Functions that invoke functions."""

from __future__ import annotations

import json
import sys
import threading
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

import pytest

from slstest.runtimes.in_process import STAGE, uninterrupted

from .conftest import Deployed, Lab


@pytest.fixture
def functions() -> Iterator[dict[str, Deployed]]:
    """The functions that handlers can invoke by name, with ``cloud.invoke``."""
    known: dict[str, Deployed] = {}

    def invoke(name: str, event: object = None) -> Any:
        with uninterrupted():
            return json.loads(known[name].invoke(event).payload)

    cloud = types.ModuleType("cloud")
    vars(cloud)["invoke"] = invoke
    sys.modules["cloud"] = cloud
    yield known
    del sys.modules["cloud"]


CALLEE = """
    import os, helpers
    count = 0
    def handler(event, context):
        global count
        count += 1
        print("in the callee")
        return [helpers.NAME, os.environ["NAME"], count]
    """

CALLER = """
    import os, cloud, helpers
    def handler(event, context):
        print("before")
        answer = cloud.invoke("callee")
        print("after")
        import lazy
        return [answer, helpers.NAME, lazy.NAME, os.environ["NAME"]]
    """


def test_a_function_invoked_by_a_function_has_its_own_world(
    lab: Lab, functions: dict[str, Deployed]
) -> None:
    functions["callee"] = lab.deploy(
        {"app.py": CALLEE, "helpers.py": "NAME = 'callee'"}, variables={"NAME": "callee"}
    )
    caller = lab.deploy(
        {"app.py": CALLER, "helpers.py": "NAME = 'caller'", "lazy.py": "NAME = 'lazy'"},
        variables={"NAME": "caller"},
    )

    assert caller.returned() == [["callee", "callee", 1], "caller", "lazy", "caller"]
    assert caller.returned() == [["callee", "callee", 2], "caller", "lazy", "caller"]
    assert caller.printed() == ["before", "after"]
    assert functions["callee"].printed() == ["in the callee"]


def test_functions_that_invoke_themselves_end_in_order(
    lab: Lab, functions: dict[str, Deployed]
) -> None:
    code = lab.write(
        """
        import os, cloud
        def handler(event, context):
            below = cloud.invoke(str(event - 1), event - 1) if event else []
            return [*below, os.environ["NAME"]]
        """
    )
    for number in range(4):
        functions[str(number)] = lab.deploy(code, variables={"NAME": str(number)})

    assert functions["3"].returned(3) == ["0", "1", "2", "3"]


def test_functions_invoked_in_parallel_run_one_after_the_other(
    lab: Lab, functions: dict[str, Deployed]
) -> None:
    for number in range(6):
        functions[str(number)] = lab.deploy(
            """
            import os, time
            def handler(event, context):
                name = os.environ["NAME"]
                for _ in range(20):
                    time.sleep(0.0005)
                    assert os.environ["NAME"] == name
                return name
            """,
            variables={"NAME": str(number)},
        )
    caller = lab.deploy(
        """
        import os, cloud
        from concurrent.futures import ThreadPoolExecutor

        def handler(event, context):
            with ThreadPoolExecutor(6) as pool:
                answers = list(pool.map(cloud.invoke, "012345"))
            return [answers, os.environ["NAME"]]
        """,
        variables={"NAME": "caller"},
    )

    assert caller.returned() == [list("012345"), "caller"]


def test_parallel_invocations_within_parallel_invocations_never_lock_up(
    lab: Lab, functions: dict[str, Deployed]
) -> None:
    fan_out = """
        import os, cloud
        from concurrent.futures import ThreadPoolExecutor

        def handler(event, context):
            if not event:
                return os.environ["NAME"]
            with ThreadPoolExecutor(3) as pool:
                calls = [pool.submit(cloud.invoke, name, below) for name, below in event.items()]
                answers = [call.result() for call in calls]
            return {os.environ["NAME"]: answers}
        """
    for name in ("root", "a", "b", "aa", "ab", "ba", "bb"):
        functions[name] = lab.deploy(fan_out, variables={"NAME": name})

    tree = functions["root"].returned(
        {"a": {"aa": None, "ab": None}, "b": {"ba": None, "bb": None}}
    )

    assert tree == {"root": [{"a": ["aa", "ab"]}, {"b": ["ba", "bb"]}]}


def test_a_pool_of_threads_kept_while_warm_still_works_for_its_function(
    lab: Lab, functions: dict[str, Deployed]
) -> None:
    functions["callee"] = lab.deploy("def handler(event, context): return event")
    caller = lab.deploy(
        """
        import cloud
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(1)
        def handler(event, context): return pool.submit(cloud.invoke, "callee", event).result()
        """
    )

    assert [caller.returned(1), caller.returned(2)] == [1, 2]


def test_invocations_by_threads_of_the_test_take_turns(lab: Lab) -> None:
    source = """
        import os, time
        def handler(event, context):
            for _ in range(10):
                time.sleep(0.0005)
                assert os.environ["NAME"] == event
        """
    functions = {name: lab.deploy(source, variables={"NAME": name}) for name in "abcdef"}

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda name: functions[name].invoke(name), functions))

    assert [outcome.function_error for outcome in outcomes] == [None] * 6


def test_a_servers_thread_may_answer_on_behalf_of_the_function_on_stage(lab: Lab) -> None:
    callee = lab.deploy("def handler(event, context): return event + 1")
    questions: Queue[int] = Queue()
    answers: Queue[Any] = Queue()

    def serve() -> None:
        question = questions.get()
        with STAGE.on_behalf_of_the_act():
            answers.put(callee.returned(question))

    def ask(question: int) -> Any:
        questions.put(question)
        return answers.get()

    server = threading.Thread(target=serve)
    server.start()
    cloud = types.ModuleType("cloud")
    vars(cloud)["ask"] = ask
    sys.modules["cloud"] = cloud
    caller = lab.deploy("import cloud\ndef handler(e, c): return cloud.ask(1)")
    try:
        assert caller.returned() == 2
    finally:
        del sys.modules["cloud"]
        server.join()


def test_threads_that_a_handler_starts_work_on_its_behalf(lab: Lab) -> None:
    patrons: list[object] = []

    def note_from_the_cloud() -> None:
        with uninterrupted():
            thread = threading.Thread(target=lambda: patrons.append(STAGE.patron()))
            thread.start()
            thread.join()

    cloud = types.ModuleType("cloud")
    vars(cloud)["note"] = lambda: patrons.append(STAGE.patron())
    vars(cloud)["note_from_the_cloud"] = note_from_the_cloud
    sys.modules["cloud"] = cloud
    function = lab.deploy(
        """
        import cloud, threading
        def handler(event, context):
            thread = threading.Thread(target=cloud.note)
            thread.start()
            thread.join()
            cloud.note_from_the_cloud()
        """
    )
    try:
        function.returned()
    finally:
        del sys.modules["cloud"]

    of_the_function, of_the_cloud = patrons
    assert of_the_function is not None
    assert of_the_cloud is None
    assert STAGE.patron() is None


def test_a_nested_function_that_times_out_leaves_its_caller_alone(
    lab: Lab, functions: dict[str, Deployed]
) -> None:
    functions["callee"] = lab.deploy("import time\ndef handler(e, c): time.sleep(60)", timeout=0.05)
    caller = lab.deploy(
        """
        import os, cloud
        def handler(event, context): return [cloud.invoke("callee"), os.environ["NAME"]]
        """,
        variables={"NAME": "caller"},
    )

    error, name = caller.returned()

    assert error["errorType"] == "Sandbox.Timedout"
    assert name == "caller"


def test_a_caller_whose_time_is_over_ends_when_its_callee_has_ended(
    lab: Lab, functions: dict[str, Deployed]
) -> None:
    functions["callee"] = lab.deploy("import time\ndef handler(e, c): time.sleep(0.1)")
    caller = lab.deploy(
        "import cloud\ndef handler(e, c):\n  cloud.invoke('callee')\n  print('went on')",
        timeout=0.02,
    )

    outcome = caller.invoke()

    assert b"Sandbox.Timedout" in outcome.payload
    assert "went on" not in outcome.log_lines
    assert functions["callee"].returned() is None
