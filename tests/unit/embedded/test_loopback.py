"""The embedded cloud is served to this machine only."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from slstest.embedded.loopback import is_local_origin, listen, url_of
from slstest.errors import ConfigurationError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("localhost", "http://127.0.0.1:"),
        pytest.param(
            "::1",
            "http://[::1]:",
            marks=pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6"),
        ),
    ],
)
def test_a_loopback_address_is_listened_on(host: str, url: str) -> None:
    with listen(host) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"{url}{port}"
        socket.create_connection(listener.getsockname()[:2]).close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1"])
def test_any_other_address_is_refused_with_the_reason(host: str) -> None:
    with pytest.raises(ConfigurationError, match="no loopback address") as error:
        listen(host)
    assert repr(host) in str(error.value)
    assert "run code here" in str(error.value)


def test_a_name_is_refused_if_one_of_its_addresses_is_not_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def getaddrinfo(host: str, port: None, type: Any) -> Any:
        return [
            (socket.AF_INET, type, 6, "", (address, 0)) for address in ("127.0.0.1", "192.0.2.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ConfigurationError, match="no loopback address"):
        listen("both.example")


@pytest.mark.parametrize("host", ["", "nobody.invalid", "a" * 64])
def test_a_host_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    def getaddrinfo(host: str, port: None, type: Any) -> Any:
        host.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "not the resolver's words")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ConfigurationError, match="is not known; use 127") as error:
        listen(host)
    assert repr(host) in str(error.value)


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with listen() as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as error:
            listen(port=port)
    assert str(error.value) == (
        f"port {port} of 127.0.0.1 is taken, perhaps by LocalStack or by another slstest serve; "
        "end that, or choose another port (0 takes any free one)"
    )


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "port 80 of 127.0.0.1 is reserved for the administrator of this machine"),
        (errno.EADDRNOTAVAIL, "nothing can be served on port 80 of 127.0.0.1: Cannot assign"),
    ],
)
def test_a_port_that_cannot_be_had_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    class Refusing(socket.socket):
        def bind(self, address: Any) -> None:
            raise OSError(number, "not the system's words")

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(ConfigurationError) as error:
        listen(port=80)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("origin", "local"),
    [
        ("http://localhost", True),
        ("http://localhost:3000", True),
        ("https://app.localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("https://example.com", False),
        ("https://localhost.example.com", False),
        ("https://notlocalhost", False),
        ("http://192.0.2.1", False),
        ("http://[", False),
        ("null", False),
        ("", False),
    ],
)
def test_pages_of_this_machine_are_told_from_all_others(origin: str, local: bool) -> None:
    assert is_local_origin(origin) is local
