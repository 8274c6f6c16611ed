from __future__ import annotations

from slstest.embedded.undelivered import UndeliveredNotes


def test_each_failure_is_told_once_with_its_number() -> None:
    undelivered = UndeliveredNotes()
    for what in ("a", "b", "a"):
        undelivered.note(what)
    assert undelivered.notes() == ("a (2 times)", "b")
    undelivered.forget()
    assert undelivered.notes() == ()


def test_only_so_many_failures_are_kept() -> None:
    undelivered = UndeliveredNotes()
    for number in range(200):
        undelivered.note(str(number))
    undelivered.note("0")
    assert undelivered.notes()[:2] == ("0 (2 times)", "1")
    assert len(undelivered.notes()) == 100


def test_each_failure_is_told_as_it_happens() -> None:
    told: list[str] = []
    undelivered = UndeliveredNotes(told.append)
    for what in ("a", "b", "a"):
        undelivered.note(what)
    assert told == ["a", "b", "a"]
