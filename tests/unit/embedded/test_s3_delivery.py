"""What S3 hands over, with destinations in Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slstest.embedded.s3_notifications.changes import BucketFacts
from slstest.embedded.s3_notifications.configuration import Rule
from slstest.embedded.s3_notifications.delivery import Deliveries, Delivery
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.undelivered import UndeliveredNotes

BUCKET = BucketFacts("bucket", "arn:aws:s3:::bucket", "us-east-1", "123456789012")
TIMEOUT = 60.0


class Recorder:
    """A destination that keeps what it gets, after doing what the test says."""

    is_tested = False

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.before_each: Callable[[str], None] = lambda message: None

    def named(self, arn: str) -> str:
        return arn

    def objection(self, arn: str, bucket: BucketFacts) -> str | None:
        return None

    def deliver(self, arn: str, message: str, trace_header: str | None) -> None:
        self.before_each(message)
        self.taken.append(message)


def of(*messages: str) -> list[Delivery]:
    rule = Rule("id", "Recorder", "arn", ("s3:ObjectCreated:*",))
    return [Delivery(rule, BUCKET, "s3:ObjectCreated:Put", each, None) for each in messages]


def test_a_defect_of_one_delivery_is_told_and_does_not_keep_the_next() -> None:
    scheduler, recorder = Scheduler(), Recorder()
    deliveries = Deliveries(scheduler, {"Recorder": recorder}, UndeliveredNotes())

    def fail(message: str) -> None:
        if message == "broken":
            raise RuntimeError("a defect")

    recorder.before_each = fail
    deliveries.post(of("first", "broken", "next"))
    with pytest.raises(RuntimeError, match="a defect"):
        scheduler.settle(TIMEOUT)
    scheduler.settle(TIMEOUT)
    deliveries.post(of("last"))
    scheduler.settle(TIMEOUT)
    assert recorder.taken == ["first", "next", "last"]
    scheduler.close()


def test_what_comes_during_a_delivery_comes_after_it() -> None:
    scheduler, recorder = Scheduler(), Recorder()
    deliveries = Deliveries(scheduler, {"Recorder": recorder}, UndeliveredNotes())

    def cause_more(message: str) -> None:
        if message == "first":
            deliveries.post(of("caused"))

    recorder.before_each = cause_more
    deliveries.post(of("first", "second"))
    deliveries.post([])
    scheduler.settle(TIMEOUT)
    assert recorder.taken == ["first", "second", "caused"]
    scheduler.close()
