"""The zygote's beginning and, for each environment, its end: see the package."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from . import private_tmp, wire
from .child import adopt_orphans
from .preload import preload
from .server import Server


def main(bare_modules: Iterable[str], options: str) -> Callable[[], None]:
    """Serve the host at the other end of standard input.

    Ends the process when the host is gone. Returns in the environments only, and there what
    runs the handler: called from as near to the bottom of the stack as can be.

    ``bare_modules`` names the modules that awslambdaric alone needs. ``options`` is a JSON
    object with ``folder``, which may be created for temporary files and is removed at the end,
    and ``allow_private_tmp``.
    """
    control = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    adopt_orphans()
    settings = json.loads(options)
    own_tmp = settings["allow_private_tmp"] and private_tmp.enter()
    preloaded = preload(bare_modules)
    wire.send(control, {"private_tmp": own_tmp})
    server, zygote = Server(control, preloaded, Path(settings["folder"]), own_tmp), os.getpid()
    try:
        job = server.run()
    except Exception:
        if os.getpid() == zygote:
            server.kill_everything()
        raise
    if job is None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return job
