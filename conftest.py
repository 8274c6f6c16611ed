"""What every test of this repository shares.

``pytester`` runs pytest inside a test; only the top-level conftest may name it.
"""

from __future__ import annotations

import signal
import threading

pytest_plugins = ["pytester"]


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start.

    A script's background job begins with SIGINT ignored, and so would all its children.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
