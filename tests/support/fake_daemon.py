"""A Docker daemon of our own making, which keeps containers as a list and runs nothing."""

from __future__ import annotations

import http.server
import itertools
import json
import socketserver
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from slstest.clouds.localstack.images import DEFAULT_IMAGE

HEALTH = {"edition": "community", "version": "4.14.0", "services": {"s3": "available"}}


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@dataclass
class FakeContainer:
    """One container, and how it was asked for."""

    id: str
    name: str
    asked: dict[str, Any]
    port: int
    status: str = "created"
    exit_code: int = 0
    created: str = field(
        default_factory=lambda: datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    )

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.asked["Labels"]
        return labels

    @property
    def variables(self) -> dict[str, str]:
        return dict(each.split("=", 1) for each in self.asked["Env"])

    def inspected(self) -> dict[str, Any]:
        published = [{"HostIp": "127.0.0.1", "HostPort": str(self.port)}]
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Image": "sha256:1",
            "Created": self.created,
            "Config": {"Image": self.asked["Image"], "Labels": self.labels, "Tty": False},
            "State": {"Status": self.status, "ExitCode": self.exit_code, "OOMKilled": False},
            "NetworkSettings": {"Ports": {"4566/tcp": published}, "Networks": {}},
        }


@dataclass
class FakeDaemon:
    """What it has, and how it answers; change it before it is asked."""

    images: set[str] = field(default_factory=lambda: {DEFAULT_IMAGE})
    pull: tuple[int, list[dict[str, Any]]] = (500, [{"message": "no such host"}])
    """Status and lines of the answer to a pull."""
    pull_waits: threading.Event | None = None
    on_start: tuple[int, str] | None = None
    """Status and message where a container cannot be started."""
    ends_at_once: bool = False
    never_ready: bool = False
    operating_system: str = "Debian GNU/Linux 12 (bookworm)"
    log: str = "Ready."
    containers: list[FakeContainer] = field(default_factory=list)
    created: list[FakeContainer] = field(default_factory=list)
    """Every one that there has been."""
    removed_volumes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def host(self) -> str:
        return f"tcp://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def at_socket(self, path: Path) -> Iterator[str]:
        """Be reached by a Unix socket too; gives the DOCKER_HOST of it."""
        with _UnixServer(str(path), self._handler()) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            yield f"unix://{path}"
            server.shutdown()
            thread.join()

    def stop(self) -> None:
        if self.pull_waits is not None:
            self.pull_waits.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Status and document; the paths are those of Docker's Engine API."""
        match [method, *path.strip("/").split("/")]:
            case ["GET", "_localstack", "health"]:
                return (503, {}) if self.never_ready else (200, HEALTH)
            case ["POST", ""]:
                return 501, {"message": "a request to AWS, of which there is nothing here"}
            case ["GET", "version"]:
                return 200, {"ApiVersion": "1.41", "MinAPIVersion": "1.24"}
            case ["GET", "info"]:
                return 200, {"OperatingSystem": self.operating_system}
            case ["GET", "_ping"]:
                return 200, "OK"
            case ["GET", "images", *name, "json"]:
                known = "/".join(name) in self.images
                return (200, {"Id": "sha256:1"}) if known else (404, {"message": "No such image"})
            case ["POST", "images", "create"]:
                if self.pull_waits is not None:
                    self.pull_waits.wait()
                if self.pull[0] == 200:
                    self.images.add(f"{query['fromImage']}:{query['tag']}")
                return self.pull
            case ["POST", "containers", "create"]:
                return self._create(query.get("name"), body)
            case ["GET", "containers", "json"]:
                return 200, self._listed(json.loads(query.get("filters", "{}")))
            case [_, "containers", container, *action]:
                found = [each for each in self.containers if container in (each.id, each.name)]
                if not found:
                    return 404, {"message": f"No such container: {container}"}
                return self._about(found[0], method, action, query)
        raise AssertionError(f"not a request that was foreseen: {method} {path}")

    def _create(self, name: str | None, asked: Any) -> tuple[int, Any]:
        if any(each.name == name for each in self.containers):
            return 409, {"message": f"Conflict. The container name {name} is already in use"}
        number = next(self._ids)
        made = FakeContainer(
            f"{number:064x}", name or f"container-{number}", asked, self.server.server_port
        )
        self.containers.append(made)
        self.created.append(made)
        return 201, {"Id": made.id}

    def _listed(self, filters: dict[str, list[str]]) -> list[Any]:
        def wanted(each: FakeContainer) -> bool:
            labels = {f"{name}={value}" for name, value in each.labels.items()} | {*each.labels}
            by_label = labels.issuperset(filters.get("label", []))
            return by_label and each.status in filters.get("status", [each.status])

        return [
            {"Id": each.id, "Labels": each.labels, "Names": [f"/{each.name}"]}
            for each in self.containers
            if wanted(each)
        ]

    def _about(
        self, container: FakeContainer, method: str, action: list[str], query: dict[str, str]
    ) -> tuple[int, Any]:
        match [method, *action]:
            case ["GET", "json"]:
                return 200, container.inspected()
            case ["GET", "logs"]:
                return 200, self.log
            case ["POST", "start"]:
                if self.on_start is not None:
                    return self.on_start[0], {"message": self.on_start[1]}
                container.status = "exited" if self.ends_at_once else "running"
                container.exit_code = 3 if self.ends_at_once else 0
                return 204, None
            case ["DELETE"]:
                self.containers.remove(container)
                if query.get("v") == "True":
                    self.removed_volumes.append(container.id)
                return 204, None
        raise AssertionError(f"not a request that was foreseen: {method} {action}")

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urllib.parse.urlsplit(self.path)
                path = url.path.removeprefix("/v1.41")
                length = int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length)
                body = json.loads(content) if content and path != "/" else None
                query = dict(urllib.parse.parse_qsl(url.query))
                status, document = answer(self.command, path, query, body)
                lines = isinstance(document, list) and path == "/images/create"
                text = "".join(f"{json.dumps(each)}\n" for each in document) if lines else document
                if not isinstance(text, str):
                    text = "" if document is None else json.dumps(document)
                if path.endswith("/logs"):  # one frame of standard output
                    payload = text.encode()
                    content = bytes([1, 0, 0, 0, *len(payload).to_bytes(4, "big")]) + payload
                else:
                    content = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if lines:  # read as it comes
                    self.send_header("Transfer-Encoding", "chunked")
                    content = b"".join(
                        b"%x\r\n%b\r\n" % (len(each), each) for each in (content, b"")
                    )
                else:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_DELETE = do_GET

            def log_message(self, *_: Any) -> None: ...

        return Handler
