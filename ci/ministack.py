"""MiniStack, an emulator of AWS, in a virtual environment of its own: its botocore is not ours.

    python -m ci.ministack 6 pytest ...

runs a command while 6 of it are up, with their URLs in SLSTEST_CONTRACT_ENDPOINT. MiniStack is
installed on first use, and kept in the user's cache.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError

VERSION = "1.5.33"
ENDPOINT = "SLSTEST_CONTRACT_ENDPOINT"
PATIENCE = 60.0
LOOK_AGAIN = 0.01


class Unavailable(Exception):
    """MiniStack cannot be had here; the text says why."""


def _python() -> Path:
    """The Python of the virtual environment, which is made on first use and then kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    running = ".".join(map(str, sys.version_info[:3]))
    folder = cache / "slstest" / f"ministack-{VERSION}-python-{running}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        # boto3 is for the function: MiniStack runs it with its own Python.
        _run([str(python), "-m", "pip", "install", f"ministack=={VERSION}", "boto3"])
        complete.touch()
    return python


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["(no output)"]
        raise Unavailable(f"{' '.join(command[1:])}: {said[-1]}")


@contextmanager
def server() -> Iterator[str]:
    """A running MiniStack: its URL. Raises :class:`Unavailable`."""
    python = _python()
    with TemporaryDirectory(prefix="slstest-ministack-") as folder:
        endpoint_url = f"http://127.0.0.1:{_free_port()}"
        log = Path(folder) / "log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [python, "-m", "ministack"],
                cwd=folder,
                env={
                    **os.environ,
                    "GATEWAY_PORT": endpoint_url.rpartition(":")[2],
                    "AWS_ENDPOINT_URL": endpoint_url,
                    "STATE_DIR": str(Path(folder) / "state"),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the processes of its functions are ended with it
            )
        try:
            _wait_until_healthy(endpoint_url, server, log)
            yield endpoint_url
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_healthy(endpoint_url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{endpoint_url}/_ministack/health", timeout=5).close()
            return
        except (URLError, OSError) as error:
            if server.poll() is not None or time.monotonic() > deadline:
                text = log.read_text(encoding="utf-8", errors="replace").strip()
                raise Unavailable(f"it does not start: {error}\n{text[-1000:]}") from error
        time.sleep(LOOK_AGAIN)


def main(command: Sequence[str]) -> int | str:
    """The exit status of the command, or why there is none."""
    if len(command) < 2 or not command[0].isdecimal():
        return str(__doc__)
    count = int(command[0])
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        _python()
        with ExitStack() as servers:
            with ThreadPoolExecutor() as starting:
                starts = starting.map(servers.enter_context, [server() for _ in range(count)])
                urls = list(starts)
            return subprocess.call(command[1:], env={**os.environ, ENDPOINT: " ".join(urls)})
    except Unavailable as reason:
        return f"MiniStack {VERSION} is not to be had: {reason}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
