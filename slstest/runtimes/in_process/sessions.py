"""boto3's default session, one for each environment, quick to make.

Making a session and a first client costs a tenth of a second: botocore reads its models and
registers its handlers. The models are the same for everybody, so that the loader that keeps
them is shared; what a session knows of credentials and settings is not.
"""

from __future__ import annotations

import copy
import os
import threading
from typing import Any

import boto3.session
import botocore.handlers
import botocore.hooks
import botocore.session
from botocore.loaders import Loader


class _Shared:
    """What the sessions of all environments have in common."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loader: Loader | None = None
        self._handlers: list[Any] = []
        self._events: botocore.hooks.HierarchicalEmitter | None = None

    def session(self) -> botocore.session.Session:
        """A botocore session as its default constructor makes it."""
        if "AWS_DATA_PATH" in os.environ:  # models of the function's own
            return botocore.session.Session()
        with self._lock:
            # Whoever hooks into every session, as the in-process cloud does, adds to this list.
            if self._events is None or self._handlers != botocore.handlers.BUILTIN_HANDLERS:
                self._handlers = list(botocore.handlers.BUILTIN_HANDLERS)
                self._events = botocore.hooks.HierarchicalEmitter()
                botocore.session.Session(event_hooks=self._events)
            events = copy.copy(self._events)
            session = botocore.session.Session(event_hooks=events, include_builtin_handlers=False)
            if self._loader is None:
                self._loader = session.get_component("data_loader")
            else:
                # Each boto3 session adds the same folder again.
                paths = self._loader.search_paths
                paths[:] = dict.fromkeys(paths)
            session.register_component("data_loader", self._loader)
            return session


_shared = _Shared()


class EnvironmentSession(boto3.session.Session):
    """A boto3 session that is set up when it is used first, if it ever is."""

    def __init__(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_session" in self.__dict__:
            raise AttributeError(name)
        super().__init__(botocore_session=_shared.session())
        return getattr(self, name)
