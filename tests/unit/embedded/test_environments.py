from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from slstest.embedded.lambda_service.code import CodeStore
from slstest.embedded.lambda_service.environments import EnvironmentPool
from slstest.embedded.lambda_service.functions import Function
from slstest.embedded.lambda_service.settings import defaults


class Environment:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Runtime:
    name = "fake"

    def check(self, spec: Any) -> None: ...

    def start(self, spec: Any) -> Any:
        return Environment()

    def close(self) -> None: ...


def test_an_environment_whose_credentials_are_replaced_is_not_used_again(tmp_path: Path) -> None:
    variables = {"AWS_SESSION_TOKEN": "first"}
    code = CodeStore(tmp_path)
    pool = EnvironmentPool(Runtime(), code, lambda _: dict(variables), "eu-west-1", lambda: 0.0)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "")
    settings = {**defaults(), "Runtime": "python3.12", "Handler": "app.handler"}
    settings["LoggingConfig"] = {"LogGroup": "/aws/lambda/f"}
    function = Function("f", "arn", code.accept(content.getvalue()), settings, {}, 0.0)

    first = pool.lease(function)
    pool.give_back(function, first, alive=True)
    assert pool.lease(function) is first
    pool.give_back(function, first, alive=True)
    variables["AWS_SESSION_TOKEN"] = "second"
    second = pool.lease(function)
    assert first.environment.closed  # type: ignore[attr-defined]
    assert second.spec.aws_variables == {"AWS_SESSION_TOKEN": "second"}
