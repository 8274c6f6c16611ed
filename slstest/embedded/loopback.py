"""Ports of this machine that only this machine reaches."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from urllib.parse import urlsplit

from slstest.errors import ConfigurationError

DEFAULT_HOST = "127.0.0.1"

_BACKLOG = 128


def listen(host: str = DEFAULT_HOST, port: int = 0) -> socket.socket:
    """A socket that takes connections on a loopback address; port 0 takes any free one.

    Raises :class:`slstest.errors.ConfigurationError` for a host that is not loopback, and for
    a port that cannot be had.
    """
    family, address = _address(host)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_unavailable(error, address, port)) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL of what is served on a listening socket."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_local_origin(origin: str) -> bool:
    """Whether the page that a browser names as the origin of a request is of this machine."""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host)


def _address(host: str) -> tuple[socket.AddressFamily, str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        found = []
    # IPv4 first: it is what clients try where they do not try both.
    found.sort(key=lambda each: each[0] is not socket.AF_INET)
    if not found:
        raise ConfigurationError(f"the host {host!r} is not known; use 127.0.0.1, ::1 or localhost")
    family, *_, (address, *_) = found[0]
    if not all(_is_loopback(str(each[4][0])) for each in found):
        raise ConfigurationError(
            f"the host {host!r} is no loopback address of this machine, and the embedded cloud is "
            "served on loopback only: it asks nobody for credentials, and whoever reaches it can "
            "run code here by way of a function. Use 127.0.0.1, ::1 or localhost; from another "
            "machine, reach it through a tunnel (ssh -L)."
        )
    return family, str(address)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _unavailable(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {address} is taken, perhaps by LocalStack or by another slstest "
            "serve; end that, or choose another port (0 takes any free one)"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"port {port} of {address} is reserved for the administrator of this machine; choose "
            "one from 1024 up (0 takes any free one)"
        )
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"nothing can be served on port {port} of {address}: {reason}"
