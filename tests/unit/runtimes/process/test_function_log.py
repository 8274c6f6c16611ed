"""How output becomes log entries."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slstest.runtimes.process.function_log import FunctionLog, entries


def frame(message: bytes, kind: int = 0xA55A0003) -> bytes:
    return struct.pack("!IIQ", kind, len(message), 1_700_000_000_000_000) + message


@pytest.fixture
def log() -> Iterator[FunctionLog]:
    log = FunctionLog()
    yield log
    log.close()


def test_each_line_is_an_entry(log: FunctionLog) -> None:
    os.write(log.fileno(), b"one\ntwo\n\nlast without end")

    assert log.new_entries() == ["one", "two", "", "last without end"]


def test_only_what_is_new_is_returned(log: FunctionLog) -> None:
    assert log.new_entries() == []
    os.write(log.fileno(), b"one\n")
    assert log.new_entries() == ["one"]
    os.write(log.fileno(), b"two\n")
    assert log.new_entries() == ["two"]
    assert log.new_entries() == []


def test_several_writers_do_not_overwrite_each_other(log: FunctionLog) -> None:
    # Each has an offset of its own, as processes have that open the file anew.
    path = f"/dev/fd/{log.fileno()}"
    other = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(log.fileno(), b"one\n")
    os.write(other, b"two\n")
    os.write(log.fileno(), b"three\n")
    os.close(other)

    assert log.new_entries() == ["one", "two", "three"]


def test_a_frame_is_one_entry_however_many_lines_it_has(log: FunctionLog) -> None:
    message = b"[ERROR] ValueError: no\nTraceback (most recent call last):\n  here\n"
    os.write(log.fileno(), b"printed" + frame(message) + frame(b"") + b"after\n")

    assert log.new_entries() == ["printed", message.decode().rstrip("\n"), "", "after"]


def test_carriage_returns_part_lines_within_an_entry(log: FunctionLog) -> None:
    os.write(log.fileno(), b"[ERROR] one\rtwo\r\n" + b"dos\r\n")

    assert log.new_entries() == ["[ERROR] one\ntwo", "dos"]


def test_bytes_that_are_no_text_do_no_harm(log: FunctionLog) -> None:
    os.write(log.fileno(), b"\xff\xfe\n\xa5\x5a\x00\x03 no frame\n")

    assert log.new_entries() == ["��", "�Z\x00\x03 no frame"]


@given(st.lists(st.one_of(st.binary(max_size=40).map(frame), st.text(max_size=40))))
def test_frames_come_out_as_they_went_in(pieces: list[bytes | str]) -> None:
    data = b"".join(
        piece if isinstance(piece, bytes) else piece.replace("\n", "").encode() + b"\n"
        for piece in pieces
    )
    expected = [
        piece[16:] if isinstance(piece, bytes) else piece.replace("\n", "").encode()
        for piece in pieces
    ]

    assert list(entries(data)) == expected
