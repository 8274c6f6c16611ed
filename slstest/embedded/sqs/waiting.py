"""Waiting for messages: whoever does is told when some come, and holds nobody up meanwhile."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import parse_qs

from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.partitions import partition_of
from slstest.embedded.scheduler import Scheduler, Timer


class QueueReaders(Protocol):
    """The mappings that read queues."""

    def queue_written(self, queue_arn: str) -> None:
        """There may be messages that can be received."""

    def queue_changed(self, queue_arn: str) -> None:
        """When hidden messages return may have changed."""


class QueueWatch:
    """Hears what becomes of the messages of every queue, and tells those who wait for them.

    A delayed message is under way: it has a timer, also where nothing reads its queue.
    """

    def __init__(self, scheduler: Scheduler, readers: QueueReaders) -> None:
        self._scheduler = scheduler
        self._readers = readers
        self._lock = threading.Lock()
        self._waiting: dict[str, list[threading.Event]] = defaultdict(list)
        self._delays: dict[str, list[Timer]] = defaultdict(list)

    def arrived(self, queue_arn: str) -> None:
        with self._lock:
            waiting = list(self._waiting.get(queue_arn, ()))
        for each in waiting:
            each.set()
        self._readers.queue_written(queue_arn)

    def hidden(self, queue_arn: str) -> None:
        self._readers.queue_changed(queue_arn)

    def delayed(self, queue_arn: str, until: float) -> None:
        name = queue_arn.rpartition(":")[2]
        timer = self._scheduler.call_at(
            until, f"delayed message of queue {name}", lambda: self.arrived(queue_arn)
        )
        with self._lock:
            now = self._scheduler.now()
            waiting = [each for each in self._delays[queue_arn] if each.due > now]
            self._delays[queue_arn] = [*waiting, timer]

    def emptied(self, queue_arn: str) -> None:
        with self._lock:
            timers = self._delays.pop(queue_arn, [])
        for timer in timers:
            self._scheduler.cancel(timer)
        self._readers.queue_changed(queue_arn)

    @contextmanager
    def waiting(self, queue_arn: str) -> Iterator[threading.Event]:
        """An event that is set whenever there may be messages."""
        event = threading.Event()
        with self._lock:
            self._waiting[queue_arn].append(event)
        try:
            yield event
        finally:
            with self._lock:
                self._waiting[queue_arn].remove(event)


class QueueState(Protocol):
    """What can be known of a queue without a request."""

    def wait_time(self, queue_arn: str) -> int: ...

    def next_return(self, queue_arn: str) -> float | None: ...


class State(Protocol):
    """Answers requests."""

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse: ...


class LongPolling:
    """Answers requests, and lets ReceiveMessage wait for messages on the cloud's clock.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html.
    Where the test itself waits, time skips as in every other wait: to the next timer, to the
    return of a hidden message, and where nothing comes, to the end of the wait. A function
    that waits does so in real time, because it is running.
    """

    def __init__(
        self,
        state: State,
        queues: QueueState,
        watch: QueueWatch,
        scheduler: Scheduler,
        account_id: str,
        may_skip: Callable[[], bool],
    ) -> None:
        """``may_skip`` tells whether this thread is one that waits for the cloud."""
        self._state = state
        self._queues = queues
        self._watch = watch
        self._scheduler = scheduler
        self._account_id = account_id
        self._may_skip = may_skip

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        if request.service != "sqs" or request.described != "ReceiveMessage":
            return self._state.handle(request, at=at)
        url, seconds = _asked(request)
        queue_arn = self._arn(request.region, url)
        if seconds is None:
            seconds = self._queues.wait_time(queue_arn)
        if not 0 < seconds <= 20:
            return self._state.handle(request)
        return self._poll(request, queue_arn, self._scheduler.now() + seconds)

    def _poll(self, request: AwsRequest, queue_arn: str, deadline: float) -> AwsResponse:
        with self._watch.waiting(queue_arn) as arrived:
            while True:
                arrived.clear()
                answer = self._state.handle(request)
                left = deadline - self._scheduler.now()
                if answer.status >= 300 or _has_messages(answer) or left <= 0:
                    return answer
                self._wait(queue_arn, arrived, deadline, left)

    def _wait(self, queue_arn: str, arrived: threading.Event, deadline: float, left: float) -> None:
        due = min(deadline, self._queues.next_return(queue_arn) or deadline)
        name = queue_arn.rpartition(":")[2]
        timer = self._scheduler.call_at(due, f"long poll of queue {name}", arrived.set)
        try:
            if not self._may_skip():
                with self._scheduler.parked():
                    arrived.wait(left)
                return
            for _ in self._scheduler.moments(left):
                if arrived.is_set():
                    return
        finally:
            self._scheduler.cancel(timer)

    def _arn(self, region: str, url: str) -> str:
        *_, account_id, name = ["", "", *url.split("/")]
        return f"arn:{partition_of(region)}:sqs:{region}:{account_id or self._account_id}:{name}"


def _asked(request: AwsRequest) -> tuple[str, int | None]:
    """The queue's URL, and the seconds to wait where the request says so."""
    content = request.content()
    if request.operation:
        document = json.loads(content)
        seconds = document.get("WaitTimeSeconds")
        return str(document.get("QueueUrl", "")), None if seconds is None else int(seconds)
    fields = parse_qs(content.decode())
    waits = fields.get("WaitTimeSeconds")
    return fields.get("QueueUrl", [request.path])[0], int(waits[0]) if waits else None


def _has_messages(answer: AwsResponse) -> bool:
    return b'"Messages"' in answer.body or b"<Message>" in answer.body
