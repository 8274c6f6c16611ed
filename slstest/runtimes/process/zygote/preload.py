"""What is imported and computed once in the zygote, so that no environment has to."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from typing import Any

from . import processes
from .portable_client import PortableClient

SERVICES = (
    "dynamodb",
    "events",
    "kinesis",
    "lambda",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
)
"""Whose models are loaded: each costs every fork some 50 microseconds per megabyte, and saves
an environment that uses it 5 to 20 ms."""

RESOURCES = ("dynamodb", "s3", "sns", "sqs")

LAZY_MODULES = ("boto3.dynamodb.table", "encodings.idna", "stringprep", "unicodedata")
"""What botocore imports when it sends the first request."""


@dataclass(frozen=True)
class Preloaded:
    """What an environment finds done already."""

    names: frozenset[str]
    """Packages and modules that are imported here and would not be on AWS."""
    surplus: int
    """Bytes of memory that they take."""
    runtime_folder: str
    """Of awslambdaric."""
    native_client: ModuleSpec | None
    """AWS's module ``runtime_client``, where the system has it; not loaded yet."""
    own_modules: tuple[str, ...]
    """The zygote's."""

    @property
    def site_folder(self) -> str:
        return self.runtime_folder.rpartition("/")[0]

    def load_client(self) -> None:
        """Load what speaks to the Runtime API, which it looks for when it is loaded."""
        module: Any = sys.modules["awslambdaric.lambda_runtime_client"]
        client: Any = PortableClient()
        if self.native_client is not None and self.native_client.loader is not None:
            client = importlib.util.module_from_spec(self.native_client)
            self.native_client.loader.exec_module(client)
        sys.modules["runtime_client"] = module.runtime_client = client
        client.initialize_client(module._user_agent())

    def adapt_to(self, path: Iterable[str], variables: Mapping[str, str]) -> None:
        """Undo what does not suit a function with these folders and environment variables."""
        if {"AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"} & variables.keys():
            importlib.reload(sys.modules["awslambdaric.bootstrap"])  # it read them
        if "AWS_ACCESS_KEY_ID" not in variables:
            # Files and profiles are to be looked for, and were when the zygote started.
            _default_session()._session._register_credential_provider()
        if "AWS_DATA_PATH" in variables:
            sys.modules["boto3"].DEFAULT_SESSION = None  # type: ignore[attr-defined]
        self._give_way_to(path)
        for name in self.own_modules:
            del sys.modules[name]

    def _give_way_to(self, path: Iterable[str]) -> None:
        """Forget what a function brings in a version of its own.

        The packages from outside the standard library depend on each other's versions: all of
        them go where one does.
        """
        brought = {
            entry.name.partition(".")[0]
            for folder in path
            if os.path.isdir(folder)  # noqa: PTH112 - this is on the way to every cold start
            for entry in os.scandir(folder)
        }
        shadowed = brought & self.names
        if not shadowed:
            return
        shadowed |= self.names - sys.stdlib_module_names
        for name in [name for name in sys.modules if name.partition(".")[0] in shadowed]:
            del sys.modules[name]


def preload(bare_modules: Iterable[str]) -> Preloaded:
    """Import and warm everything; the process's memory is frozen for forking afterwards.

    ``bare_modules`` is what ``sys.modules`` held when only awslambdaric had been imported.
    """
    gc.disable()
    bare = processes.resident_private(os.getpid())
    _warm_boto3()
    for name in LAZY_MODULES:
        importlib.import_module(name)
    del sys.modules["runtime_client"]  # which says so far that there is none
    native_client = importlib.util.find_spec("runtime_client")
    if native_client is not None:
        _load_libraries()
    package = __name__.partition(".")[0]
    own_modules = tuple(name for name in sys.modules if name.partition(".")[0] == package)
    gc.collect()
    gc.freeze()
    surplus = processes.resident_private(os.getpid()) - bare
    return Preloaded(
        names=frozenset(_first_names(sys.modules) - _first_names(bare_modules) - {package}),
        surplus=max(surplus, 0),
        runtime_folder=sys.modules["awslambdaric"].__path__[0],
        native_client=native_client,
        own_modules=own_modules,
    )


def _load_libraries() -> None:
    """Load what the native client needs, which is larger than itself."""
    for library in ("libgcc_s.so.1", "libstdc++.so.6"):
        with contextlib.suppress(OSError):  # linked into the client, then
            ctypes.CDLL(library)


def _first_names(modules: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def _warm_boto3() -> None:
    boto3: Any = importlib.import_module("boto3")
    boto3.setup_default_session()
    session = _default_session()
    for service in SERVICES:
        _client(session.client, service)
    for service in RESOURCES:
        _client(session.resource, service)
    core = session._session
    core.get_component("credential_provider")
    # Variables and files are to be looked at again in the environment, which has others.
    core._config = core._profile = core._profile_map = None
    core._credentials = core._auth_token = None
    core._last_client_region_used = None
    _share_models(core)


def _default_session() -> Any:
    return sys.modules["boto3"].DEFAULT_SESSION


def _client(make: Callable[..., Any], service: str) -> Any:
    return make(
        service,
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )


def _share_models(core: Any) -> None:
    """Let sessions that a function makes itself start with the models that are loaded."""
    module: Any = importlib.import_module("botocore.session")
    create: Callable[..., Any] = module.create_loader
    loaded: dict[Any, Any] = core.get_component("data_loader")._cache

    @functools.wraps(create)
    def create_loader(search_path_string: str | None = None) -> Any:
        loader = create(search_path_string)
        if search_path_string is None:
            loader._cache.update(loaded)
        return loader

    module.create_loader = create_loader
