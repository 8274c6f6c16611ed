"""Messages on a stream socket: a length, then a JSON document; file descriptors ride along."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

_LENGTH = struct.Struct("!I")
_MAX_DESCRIPTORS = 8


def send(sock: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send one message; raises OSError where nobody is left to read it."""
    body = json.dumps(message).encode()
    data = _LENGTH.pack(len(body)) + body
    sent = socket.send_fds(sock, [data], list(descriptors)) if descriptors else 0
    if sent < len(data):
        sock.sendall(data[sent:])


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Wait for one message and return it with its descriptors; None where the peer is gone."""
    # No more than the length is asked for at first: descriptors arrive with the first byte of
    # their message, and a longer read could run into the next one's.
    try:
        head, descriptors, _, _ = socket.recv_fds(sock, _LENGTH.size, _MAX_DESCRIPTORS)
    except ConnectionResetError:  # it left something of ours unread
        return None
    if head:
        head += _exactly(sock, _LENGTH.size - len(head))
    body = _exactly(sock, _LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""
    if not body:
        for descriptor in descriptors:
            os.close(descriptor)
        return None
    return json.loads(body), descriptors


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            return b""
        data += part
    return bytes(data)
