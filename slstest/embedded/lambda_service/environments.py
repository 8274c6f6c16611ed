"""Execution environments of the functions: started ahead, reused while warm, dropped."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from slstest.embedded.lambda_service.code import CodeStore
from slstest.embedded.lambda_service.functions import Function
from slstest.runtimes.base import EnvironmentSpec, ExecutionEnvironment, Runtime

AwsVariables = Callable[[Function], Mapping[str, str]]


@dataclass(eq=False)
class Leased:
    """An environment while one invocation has it, or while it waits for one."""

    environment: ExecutionEnvironment
    spec: EnvironmentSpec
    generation: int
    """That of the function when it was started."""
    idle_since: float = field(default_factory=time.monotonic)


class EnvironmentPool:
    """Gives each invocation an environment of its function, a warm one where there is one.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html: an environment
    handles one invocation at a time, and one more is started where all are busy.
    """

    def __init__(
        self,
        runtime: Runtime,
        code: CodeStore,
        aws_variables: AwsVariables,
        region: str,
        now: Callable[[], float],
    ) -> None:
        self._runtime = runtime
        self._code = code
        self._aws_variables = aws_variables
        self._region = region
        self._now = now
        self._lock = threading.Lock()
        self._idle: dict[str, list[Leased]] = {}
        self._busy: dict[str, set[Leased]] = {}

    def check(self, function: Function) -> None:
        """Raise :class:`slstest.errors.UnsupportedRuntime` for what cannot be run here."""
        self._runtime.check(self._spec(function))

    def start_ahead(self, function: Function) -> None:
        """Initialise an environment before the first invocation needs it."""
        leased = self._start(function)
        with self._lock:
            kept = not function.deleted
            if kept:
                self._idle.setdefault(function.name, []).append(leased)
        if not kept:
            leased.environment.close()

    def lease(self, function: Function) -> Leased:
        with self._lock:
            idle = self._idle.get(function.name)
            leased = idle.pop() if idle else None
        if leased is not None and leased.spec.aws_variables != self._aws_variables(function):
            leased.environment.close()  # its credentials are about to expire
            leased = None
        if leased is None:
            leased = self._start(function)
        with self._lock:
            self._busy.setdefault(function.name, set()).add(leased)
        return leased

    def give_back(self, function: Function, leased: Leased, *, alive: bool) -> None:
        with self._lock:
            busy = self._busy.get(function.name, set())
            kept = (
                alive
                and not function.deleted
                and leased in busy
                and leased.generation == function.generation
            )
            busy.discard(leased)
            leased.idle_since = time.monotonic()
            if kept:
                self._idle.setdefault(function.name, []).append(leased)
        if not kept:
            leased.environment.close()

    def drop(self, function: Function, *, running: bool) -> None:
        """Close a function's idle environments, and with ``running`` the busy ones too."""
        with self._lock:
            dropped = self._idle.pop(function.name, [])
            if running:
                dropped = dropped + list(self._busy.pop(function.name, ()))
        for leased in dropped:
            leased.environment.close()

    def reap(self, idle: float) -> None:
        """Close the environments that nobody has had for so many real seconds."""
        until = time.monotonic() - idle
        reaped: list[Leased] = []
        with self._lock:
            for name, waiting in list(self._idle.items()):
                reaped += [leased for leased in waiting if leased.idle_since <= until]
                self._idle[name] = [leased for leased in waiting if leased.idle_since > until]
        for leased in reaped:
            leased.environment.close()

    def code_folders(self) -> set[Path]:
        """The folders of code that environments have before them."""
        with self._lock:
            leased = [each for group in (self._idle, self._busy) for each in group.values()]
            return {each.spec.code for environments in leased for each in environments}

    def _start(self, function: Function) -> Leased:
        generation = function.generation
        spec = self._spec(function)
        return Leased(self._runtime.start(spec), spec, generation)

    def _spec(self, function: Function) -> EnvironmentSpec:
        settings = function.settings
        return EnvironmentSpec(
            function_name=function.name,
            function_arn=function.arn,
            version="$LATEST",
            runtime=settings["Runtime"],
            handler=settings["Handler"],
            code=self._code.unpacked(function.package),
            timeout=settings["Timeout"],
            memory_size=settings["MemorySize"],
            region=self._region,
            log_group=settings["LoggingConfig"]["LogGroup"],
            log_stream=self._log_stream(function),
            variables=function.variables,
            aws_variables=self._aws_variables(function),
        )

    def _log_stream(self, function: Function) -> str:
        """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html"""
        today = datetime.fromtimestamp(self._now(), timezone.utc).strftime("%Y/%m/%d")
        environment = secrets.token_hex(16)
        if function.settings["LoggingConfig"]["LogGroup"] == f"/aws/lambda/{function.name}":
            return f"{today}/[$LATEST]{environment}"
        return f"{today}/{function.name}[$LATEST][{environment}]"
