"""A cloud on plain moto, with a script instead of background work: a test says what happens
between two looks, what a call answers, and what was invoked."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from slstest import Environment, Invocation, NotSettled
from slstest.ledger import Ledger
from slstest.waiting import Pace

REGION = "eu-west-1"


class ScriptedCloud:
    name = "scripted"
    region = REGION
    account_id = "123456789012"
    creates_at_once = False
    runs_functions = False
    skips_time = True
    needs_roles = False
    pace = Pace()
    owner = ""
    endpoint_url = None

    def __init__(self) -> None:
        self._session = boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
        )
        self._clients: dict[str, Any] = {}
        self.forget()

    def forget(self) -> None:
        """Forget the script and what has been recorded."""
        self.calls: list[str] = []
        """The AWS operations called, in order."""
        self.between_looks: deque[Callable[[], object]] = deque()
        """What happens before each look; none is left when nothing is under way."""
        self.finished: dict[str, list[Invocation]] = defaultdict(list)
        self.under_way: list[str] = []
        """What keeps the cloud from settling."""
        self.patience: list[tuple[float, bool]] = []
        """The timeouts with which somebody waited, and whether patiently."""
        self.settled: list[float] = []
        self.advanced: list[float] = []
        self.began = self.ended = 0
        self._answers: dict[str, deque[Any]] = defaultdict(deque)
        self._edits: dict[str, deque[Callable[[Any], None]]] = defaultdict(deque)

    def answer(self, operation: str, *answers: Any) -> None:
        """Answer the next calls of an operation: a dict is the response, a tuple is
        ``(HTTP status, error code, message)``."""
        self._answers[operation].extend(answers)

    def edit(self, operation: str, *edits: Callable[[Any], None]) -> None:
        """Change moto's next answers to an operation."""
        self._edits[operation].extend(edits)

    def session(self) -> boto3.Session:
        return self._session

    def client(self, service: str) -> Any:
        if service not in self._clients:
            make: Callable[..., Any] = self._session.client
            client = self._clients[service] = make(service)
            client.meta.events.register("before-call", self._before_call)
            client.meta.events.register("after-call", self._after_call)
        return self._clients[service]

    def begin(self) -> None:
        self.began += 1

    def end(self) -> None:
        self.ended += 1

    def moments(self, timeout: float, *, patient: bool = False) -> Iterator[None]:
        self.patience.append((timeout, patient))
        yield
        while self.between_looks:
            self.between_looks.popleft()()
            yield

    def quiesce(self, timeout: float) -> None:
        while self.between_looks:
            self.between_looks.popleft()()

    def settle(self, timeout: float) -> None:
        self.settled.append(timeout)
        if self.under_way:
            raise NotSettled("still under way: " + ", ".join(self.under_way))
        self.quiesce(timeout)

    def advance(self, seconds: float) -> None:
        self.advanced.append(seconds)

    def invocations(self, function_name: str) -> list[Invocation]:
        return self.finished[function_name]

    def close(self) -> None:
        pass

    def _before_call(self, model: Any, **_: Any) -> Any:
        self.calls.append(model.name)
        if not self._answers[model.name]:
            return None
        answer = self._answers[model.name].popleft()
        if isinstance(answer, tuple):
            status, code, message = answer
            answer = {"Error": {"Code": code, "Message": message}}
        else:
            status = 200
        metadata = {"HTTPStatusCode": status, "RequestId": "request-1"}
        return SimpleNamespace(status_code=status), {**answer, "ResponseMetadata": metadata}

    def _after_call(self, model: Any, parsed: Any, **_: Any) -> None:
        if self._edits[model.name]:
            self._edits[model.name].popleft()(parsed)


@pytest.fixture(scope="module")  # other suites must not find moto in place of the network
def _scripted_cloud() -> Iterator[ScriptedCloud]:
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield ScriptedCloud()


@pytest.fixture
def cloud(_scripted_cloud: ScriptedCloud) -> ScriptedCloud:
    iam = _scripted_cloud.client("iam")
    # Each time: the embedded cloud of another test in this process has perhaps emptied moto.
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="slstest", AssumeRolePolicyDocument="{}")
    _scripted_cloud.forget()
    return _scripted_cloud


@pytest.fixture
def world(cloud: ScriptedCloud, tmp_path: Path) -> Iterator[Environment]:
    """An environment in the place of the plugin's."""
    environment = Environment(
        cloud, label="test_x", base_dirs=[tmp_path], timeout=3.0, ledger=Ledger()
    )
    yield environment
    cloud.forget()
    environment.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a function that can be deployed."""
    path = tmp_path / "click_processor"
    path.mkdir()
    (path / "app.py").write_text("def handler(event, context):\n    return event\n")
    return path
