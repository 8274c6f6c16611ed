"""What a handler gets, gives and finds around it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slstest.errors import ConfigurationError
from slstest.runtimes.process import ProcessRuntime

from .conftest import Eventually, Lab

RUNTIME_VERSION = f"3.{sys.version_info.minor}"


def test_the_handlers_result_comes_back_as_json(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context): return {'got': event, 'é': [1.5, None]}")

    assert function.returned({"k": "ü"}) == {"got": {"k": "ü"}, "é": [1.5, None]}


def test_the_context_says_what_lambda_says(lab: Lab) -> None:
    function = lab.deploy(
        """
        import time

        def handler(event, context):
            left = context.get_remaining_time_in_millis()
            return {
                "name": context.function_name,
                "version": context.function_version,
                "arn": context.invoked_function_arn,
                "memory": context.memory_limit_in_mb,
                "request": context.aws_request_id,
                "group": context.log_group_name,
                "stream": context.log_stream_name,
                "identity": context.identity.cognito_identity_id,
                "client": context.client_context.custom,
                "time left": 6000 < left <= 7000,
            }
        """,
        timeout=7,
    )

    context = function.returned(
        request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        invoked_function_arn=f"{function.spec.function_arn}:live",
        client_context='{"custom": {"city": "Zürich"}}',
    )

    assert context == {
        "name": function.spec.function_name,
        "version": "$LATEST",
        "arn": f"{function.spec.function_arn}:live",
        "memory": "256",
        "request": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "group": function.spec.log_group,
        "stream": function.spec.log_stream,
        "identity": None,
        "client": {"city": "Zürich"},
        "time left": True,
    }


def test_the_environment_is_lambdas_and_the_functions_and_nobody_elses(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    monkeypatch.setenv("AWS_PROFILE", "the-hosts")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    function = lab.deploy(
        "import os\ndef handler(event, context): return dict(os.environ)",
        variables={"TABLE": "clicks", "LANG": "de_DE.UTF-8"},
    )

    variables = function.returned(trace_id="Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")

    awslambdaric = Path(variables["LAMBDA_RUNTIME_DIR"])
    assert (awslambdaric / "bootstrap.py").is_file()
    assert re.fullmatch(r"127\.0\.0\.1:\d+", variables.pop("AWS_LAMBDA_RUNTIME_API"))
    assert variables.pop("PATH").endswith(":/usr/local/bin:/usr/bin:/bin:/opt/bin")
    code, name = str(function.spec.code), function.spec.function_name
    assert variables.pop("LD_LIBRARY_PATH").startswith(f"{code}:{code}/lib:/opt/lib")
    if not lab.runtime.private_tmp:
        assert Path(variables.pop("TMPDIR")).is_absolute()
    assert variables == {
        "AWS_ACCESS_KEY_ID": function.spec.aws_variables["AWS_ACCESS_KEY_ID"],
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.spec.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": function.spec.log_stream,
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "HOME": "/home/sbx_user1051",
        "LAMBDA_RUNTIME_DIR": str(awslambdaric),
        "LAMBDA_TASK_ROOT": code,
        "LANG": "de_DE.UTF-8",
        "PWD": code,
        "PYTHONPATH": str(awslambdaric.parent),
        "TABLE": "clicks",
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
        "_X_AMZN_TRACE_ID": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
    }


def test_the_time_zone_is_the_functions(lab: Lab) -> None:
    source = "import time\ndef handler(event, context): return time.localtime(0).tm_hour"

    assert lab.deploy(source).returned() == 0
    assert lab.deploy(source, variables={"TZ": "Asia/Tokyo"}).returned() == 9


def test_the_process_is_as_if_awslambdaric_had_been_started_in_the_task_root(lab: Lab) -> None:
    function = lab.deploy(
        """
        import os, signal, sys, __main__

        DESCRIPTORS = sorted(map(int, os.listdir("/dev/fd")))

        def handler(event, context):
            return {
                "cwd": os.getcwd(),
                "path": sys.path,
                "main": [__main__.__name__, __main__.__file__],
                "argv": sys.argv,
                "stdin": sys.stdin.read(),
                "descriptors": DESCRIPTORS,
                "handlers": [
                    signal.getsignal(signal.SIGINT) is signal.default_int_handler,
                    signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
                    signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL,
                ],
                "of the harness": sorted(
                    name for name in sys.modules
                    if name.split(".")[0] in ("slstest", "zygote", "pytest", "moto")
                ),
            }
        """
    )
    code = str(function.spec.code)

    process = function.returned()

    assert process["cwd"] == code
    assert process["path"][0] == code
    assert str(Path.cwd()) not in process["path"]
    assert "" not in process["path"]
    assert process["main"][0] == "__main__"
    assert process["main"][1].endswith("awslambdaric/__main__.py")
    assert process["argv"] == [process["main"][1], "app.handler"]
    assert process["stdin"] == ""
    # The standard streams, awslambdaric's log frames, and the listing itself.
    assert process["descriptors"] == [0, 1, 2, 3, 4]
    assert process["handlers"] == [True, True, True]
    assert process["of the harness"] == []


RUN = "def run(event, context): return 'ran'"


def test_nothing_is_written_into_the_code(lab: Lab) -> None:
    function = lab.deploy({"app.py": "import helper\nhandler = helper.run", "helper.py": RUN})

    assert function.returned() == "ran"

    assert sorted(path.name for path in function.spec.code.rglob("*")) == ["app.py", "helper.py"]


def test_the_code_is_read_only_as_on_aws(lab: Lab) -> None:
    if not lab.runtime.private_tmp:
        pytest.skip("this machine lets nobody mount")
    function = lab.deploy(
        """
        import pathlib

        def handler(event, context):
            pathlib.Path("note.txt").write_text("x")
        """
    )

    _, error = function.failed()

    assert error["errorType"] == "OSError"
    assert error["errorMessage"] == "[Errno 30] Read-only file system: 'note.txt'"


def test_what_is_printed_and_logged_is_between_start_and_end(lab: Lab) -> None:
    function = lab.deploy(
        """
        import logging, os, subprocess, sys

        print("while initialising")
        log = logging.getLogger()
        log.setLevel("INFO")

        def handler(event, context):
            print("printed\\nin lines")
            print("to stderr", file=sys.stderr)
            log.info("logged\\nin lines")
            subprocess.run(["echo", "from a program"])
            os.write(1, b"no end")
        """
    )

    cold, warm = function.invoke(), function.invoke()

    assert cold.log_lines[:2] == (cold.log_lines[0], "while initialising")
    assert cold.log_lines[0].startswith(f"INIT_START Runtime Version: python:{RUNTIME_VERSION}\t")
    assert cold.log_lines[2] == "START RequestId: request-1 Version: $LATEST"
    *printed, logged, from_program, no_end = cold.log_lines[3:-2]
    assert printed == ["printed", "in lines", "to stderr"]
    assert re.fullmatch(r"\[INFO\]\t[\d:.TZ-]{24}\trequest-1\tlogged\nin lines", logged)
    assert (from_program, no_end) == ("from a program", "no end")
    assert cold.log_lines[-2] == "END RequestId: request-1"
    assert re.fullmatch(
        r"REPORT RequestId: request-1\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 256 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t",
        cold.log_lines[-1],
    )
    assert cold.init_duration is not None
    assert cold.max_memory_used > 0
    assert warm.log_lines[0] == "START RequestId: request-2 Version: $LATEST"
    assert "Init Duration" not in warm.log_lines[-1]
    assert warm.init_duration is None


def test_an_exception_is_answered_and_logged_in_awslambdarics_words(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context):\n    raise ValueError('no such page')")

    outcome, error = function.failed()

    assert error == {
        "errorMessage": "no such page",
        "errorType": "ValueError",
        "requestId": "request-1",
        "stackTrace": [
            f'  File "{function.spec.code}/app.py", line 2, in handler\n'
            "    raise ValueError('no such page')\n"
        ],
    }
    [logged] = outcome.log_lines[2:-2]
    assert logged.startswith("[ERROR] ValueError: no such page\nTraceback (most recent call last):")
    assert "Status" not in outcome.log_lines[-1]
    assert outcome.alive


def test_a_result_that_json_cannot_say_is_a_marshal_error(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context): return {1, 2}")

    outcome, error = function.failed()

    assert error["errorType"] == "Runtime.MarshalError"
    assert "Object of type set is not JSON serializable" in error["errorMessage"]
    assert outcome.alive


def test_payloads_of_six_megabytes_pass(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context): return event")
    large = "x" * (6 * 1024 * 1024 - 2)

    assert function.returned(large) == large


def test_a_larger_response_is_an_error_of_the_function(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context): return 'x' * (6 * 1024 * 1024 + 100)")

    _, error = function.failed()

    assert error == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }


def test_an_environment_keeps_its_state_and_shares_none(lab: Lab) -> None:
    code = lab.write("calls = []\ndef handler(event, context): calls.append(1); return len(calls)")
    one, other = lab.deploy(code), lab.deploy(code)

    assert [one.returned() for _ in range(3)] == [1, 2, 3]
    assert other.returned() == 1


def test_environments_run_side_by_side(lab: Lab) -> None:
    # Nobody is let go before all have come.
    code = lab.write(
        """
        import socket

        def handler(event, context):
            with socket.create_connection(("127.0.0.1", event["port"])) as host:
                return host.recv(10).decode()
        """
    )
    count = 6
    functions = [lab.deploy(code) for _ in range(count)]

    with (
        socket.create_server(("127.0.0.1", 0)) as meeting,
        ThreadPoolExecutor(count) as pool,
        contextlib.ExitStack() as guests,
    ):
        event = {"port": meeting.getsockname()[1]}
        results = [pool.submit(function.returned, event) for function in functions]
        for guest in [guests.enter_context(meeting.accept()[0]) for _ in range(count)]:
            guest.sendall(b"all here")
        assert [result.result() for result in results] == ["all here"] * count


def test_an_environment_refuses_a_second_invocation_at_the_same_time(
    lab: Lab, eventually: Eventually
) -> None:
    function = lab.deploy("import time\ndef handler(event, context): time.sleep(60)")
    running = threading.Thread(target=function.invoke)
    running.start()
    eventually(function.environment._busy.locked)

    with pytest.raises(RuntimeError, match="one invocation at a time"):
        function.invoke()

    function.close()
    running.join()


def test_a_module_of_the_functions_own_wins_over_one_that_is_imported_already(lab: Lab) -> None:
    function = lab.deploy(
        {
            "app.py": """
                import calendar, botocore, boto3

                def handler(event, context):
                    return [calendar.OWN, botocore.OWN, "OWN" in dir(boto3), boto3.__name__]
                """,
            "calendar.py": "OWN = 'calendar'",
            "botocore/__init__.py": "OWN = 'botocore'",
            "boto3/__init__.py": "OWN = 'boto3'",
        }
    )

    assert function.returned() == ["calendar", "botocore", True, "boto3"]


def test_folders_of_pythonpath_come_after_the_task_root(lab: Lab) -> None:
    layer = lab.write({"shared.py": "NAME = 'layer'", "both.py": "NAME = 'layer'"})
    function = lab.deploy(
        {
            "app.py": """
                import both, shared

                def handler(event, context):
                    return [both.NAME, shared.NAME]
                """,
            "both.py": "NAME = 'function'",
        },
        variables={"PYTHONPATH": str(layer)},
    )

    assert function.returned() == ["function", "layer"]


def test_boto3_takes_credentials_region_and_endpoint_from_the_function(lab: Lab) -> None:
    source = """
        import boto3, botocore.session

        def known(client, credentials):
            return [client.meta.region_name, client.meta.endpoint_url, credentials.access_key]

        def handler(event, context):
            session = boto3.Session()
            core = botocore.session.get_session()
            return [
                known(boto3.client("dynamodb"), boto3.DEFAULT_SESSION.get_credentials()),
                known(boto3.resource("dynamodb").meta.client, session.get_credentials()),
                known(core.create_client("s3"), core.get_credentials()),
            ]
        """
    first = lab.deploy(source, region="eu-west-1")
    second = lab.deploy(source, region="us-west-2")

    for function, region in ((first, "eu-west-1"), (second, "us-west-2")):
        key = function.spec.aws_variables["AWS_ACCESS_KEY_ID"]
        assert function.returned() == [[region, "http://127.0.0.1:1", key]] * 3


def test_boto3_finds_credentials_of_a_profile_that_the_function_names(lab: Lab) -> None:
    code = lab.write(
        {
            "app.py": """
                import boto3

                def handler(event, context):
                    session = boto3.client("sqs") and boto3.DEFAULT_SESSION
                    return [session.profile_name, session.get_credentials().access_key]
                """,
            "credentials": """
                [mine]
                aws_access_key_id = of-the-profile
                aws_secret_access_key = secret
                """,
        }
    )
    function = lab.deploy(
        code,
        variables={"AWS_PROFILE": "mine"},
        aws_variables={"AWS_SHARED_CREDENTIALS_FILE": str(code / "credentials")},
    )

    assert function.returned() == ["mine", "of-the-profile"]


def test_temporary_files_are_the_environments_own(lab: Lab) -> None:
    code = lab.write(
        """
        import pathlib, tempfile

        def handler(event, context):
            folder = pathlib.Path(event or tempfile.gettempdir())
            before = (folder / "slstest-note").exists()
            (folder / "slstest-note").write_text("x")
            return [str(folder), before]
        """
    )
    one, other = lab.deploy(code), lab.deploy(code)

    folder, before = one.returned()
    assert not before
    assert one.returned() == [folder, True]
    assert other.returned()[1] is False
    if lab.runtime.private_tmp:
        assert folder == "/tmp"
        assert lab.deploy(code).returned("/tmp") == ["/tmp", False]
        assert not Path("/tmp/slstest-note").exists()


def test_where_tmp_cannot_be_private_a_folder_of_its_own_takes_its_place(
    lab: Lab, without_private_tmp: ProcessRuntime, eventually: Eventually
) -> None:
    code = lab.write(
        """
        import pathlib, tempfile

        def handler(event, context):
            with tempfile.NamedTemporaryFile(delete=False) as file:
                return file.name
        """
    )
    one = lab.deploy(code, runtime=without_private_tmp)
    other = lab.deploy(code, runtime=without_private_tmp)

    file, others_file = Path(one.returned()), Path(other.returned())

    assert not without_private_tmp.private_tmp
    assert file.exists()
    assert others_file.exists()
    assert file.parent != others_file.parent
    one.close()
    eventually(lambda: not file.parent.exists())
    assert others_file.exists()
    without_private_tmp.close()
    assert not others_file.parent.parent.exists()


def test_code_that_is_no_folder_is_refused(lab: Lab) -> None:
    with pytest.raises(ConfigurationError, match=r"is not a folder: .*/nowhere"):
        lab.deploy(lab.folder / "nowhere")


def test_the_payload_is_passed_on_as_it_is(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context): return event")
    outcome = function.invoke(payload='{"a":  1, "é": "\\u00fc"}'.encode())

    assert json.loads(outcome.payload) == {"a": 1, "é": "ü"}
