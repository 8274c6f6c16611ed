"""Reads a queue for a function, through the API of SQS.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html: messages stay in the queue, hidden,
while the function handles them. After a success they are deleted; after an error they are left
alone, and return when the queue's visibility timeout is over. The queue is the only retry: it
counts the receipts, moves messages to its dead-letter queue, and keeps a message group to one
batch at a time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from slstest.embedded.event_sources.base import InvokeBatch, NotInvoked, Throttled, named
from slstest.embedded.event_sources.messages import PAYLOAD_LIMIT, ReceivedMessage, event_of
from slstest.embedded.event_sources.queue_client import MESSAGES_PER_REQUEST, QueueClient
from slstest.embedded.event_sources.responses import failed_messages
from slstest.embedded.event_sources.sqs_settings import QueueSettings
from slstest.embedded.scheduler import Scheduler, Timer
from slstest.runtimes.base import InvocationOutcome

_DOUBT = 5.0
"""Seconds for which a queue elsewhere has to be unknown before it is given up. SQS may not know a
queue for a second after its creation:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""

_CONCURRENT_BATCHES = 5
"""Batches that are handled at once. AWS begins with five and, while messages are waiting, adds
up to 300 a minute: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""

_FIRST_THROTTLE_DELAY = 1.0
_LONGEST_THROTTLE_DELAY = 60.0
"""Seconds before a throttled batch is tried again, doubled each time. AWS documents that it
backs off gradually, and not with which figures."""

NextReturn = Callable[[str], "float | None"]
"""Tells of a queue's ARN when the next hidden message can be received again (seconds since the
epoch), or None if none is hidden."""


class SqsPoller:
    """Delivers the messages of one queue to one function.

    With ``next_return`` nothing is polled in vain: :meth:`wake` is called when messages came,
    and a timer stands for those that are hidden. Without it the queue is one of a cloud
    elsewhere, where nobody tells: :meth:`look` is called every so often, and a queue that SQS
    does not know is given up only when that has been so for some seconds.

    One task at a time reads the queue and forms batches; each batch then has a task of its
    own. Other threads only leave word, under the lock.
    """

    def __init__(
        self,
        queue_arn: str,
        settings: QueueSettings,
        client: Any,
        scheduler: Scheduler,
        *,
        invoke: InvokeBatch,
        next_return: NextReturn | None,
        function: Callable[[], str],
    ) -> None:
        """``function`` gives the name of the one for which the queue is read."""
        self.last_result = "No records processed"
        self.lost = False
        """Whether the queue has been deleted; nothing is read any more."""
        self._settings = settings
        self._queue = QueueClient(client, queue_arn)
        self._fifo = self._queue.name.endswith(".fifo")
        self._scheduler = scheduler
        self._invoke = invoke
        self._next_return = next_return
        self._function = function
        self._lock = threading.RLock()
        self._arming = threading.Lock()
        self._enabled = False
        self._woken = False
        self._reading = False
        self._active = 0
        self._throttled = 0
        self._gathered: list[ReceivedMessage] = []
        self._window_timer: Timer | None = None
        self._return_timer: Timer | None = None
        self._troubles: dict[str, str] = {}
        """By message, why it returns though the function has seen it, for whoever waits for
        its end."""
        self._unknown_since: float | None = None

    @property
    def name(self) -> str:
        """The queue's name."""
        return self._queue.name

    @property
    def arn(self) -> str:
        """The queue's Amazon Resource Name."""
        return self._queue.arn

    @property
    def unknown(self) -> bool:
        """Whether SQS does not know the queue, and it is not sure yet that it is gone."""
        return self._unknown_since is not None and self._enabled

    @property
    def trouble(self) -> str:
        """Why messages return that the function has seen, in brackets; empty where none does."""
        with self._lock:
            return next(reversed(self._troubles.values()), "")

    def enable(self) -> None:
        """Begin, or go on where it was disabled."""
        with self._lock:
            self._enabled = True
            self.lost = False
            self._unknown_since = None
        self.wake()

    def disable(self) -> None:
        """Deliver what has been received, and receive nothing more."""
        with self._lock:
            self._enabled = False
            self._cancel(self._window_timer)
            self._cancel(self._return_timer)
            self._window_timer = self._return_timer = None
            flush = bool(self._gathered) and not self._reading
            self._reading = self._reading or flush
        if flush:
            self._submit("messages", self._read)

    def update(self, settings: QueueSettings) -> None:
        """Go on with other settings, from the next batch."""
        with self._lock:
            self._settings = settings
        self.wake()

    def wake(self, places: Iterable[str] | None = None) -> None:
        """Messages may have come."""
        with self._lock:
            self._woken = True
            start = self._may_read() and not self._reading
            self._reading = self._reading or start
        if start:
            self._submit("messages", self._read)

    def look(self) -> None:
        """See whether messages have come, as nobody tells; left alone while it is read."""
        with self._lock:
            reading = self._reading
        if not reading:
            self.wake()

    def hidden_changed(self) -> None:
        """Somebody else received, deleted or hid messages."""
        if self._enabled and not self._reading and not self._active:
            self._submit("hidden messages", self._arm)

    # -- reading --------------------------------------------------------------------------

    def _may_read(self) -> bool:
        if not self._enabled or self._throttled:
            return False
        limit = self._settings.maximum_concurrency or _CONCURRENT_BATCHES
        return self._active < min(limit, _CONCURRENT_BATCHES)

    def _read(self) -> None:
        try:
            while self._claim():
                self._read_once()
            self._arm()
        except self._queue.missing:
            self._missed()
            with self._lock:
                self._reading = False
                if self.lost:
                    self._gathered = []
        except BaseException:
            with self._lock:
                self._reading = False
            raise

    def _claim(self) -> bool:
        """Whether there is something to read, or something gathered that must be delivered."""
        with self._lock:
            if self._gathered and not self._enabled:
                return True
            if self._may_read() and self._woken:
                self._woken = False
                return True
            self._reading = False
            return False

    def _read_once(self) -> None:
        settings = self._settings
        wanted = min(settings.batch_size - len(self._gathered), MESSAGES_PER_REQUEST)
        if self._enabled and wanted > 0:
            received = self._queue.receive(wanted, now=self._scheduler.now())
            self._unknown_since = None
            self._gathered += self._filter(received, settings)
            unread = len(received) == wanted
        else:
            unread = True
        if unread:
            self._woken = True
        self._close_batches(settings)

    def _filter(
        self, received: list[ReceivedMessage], settings: QueueSettings
    ) -> list[ReceivedMessage]:
        """The messages that pass the filters; the others are deleted."""
        passing: list[ReceivedMessage] = []
        dropped: list[ReceivedMessage] = []
        for message in received:
            passes = settings.filters.passes_with(message.record, "body", message.body)
            (passing if passes else dropped).append(message)
        self._queue.delete(dropped)
        return passing

    def _close_batches(self, settings: QueueSettings) -> None:
        """Hand over batches that are full or whose window is over; set a timer for the rest.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html,
        "Batching behavior".
        """
        self._cancel(self._window_timer)
        while self._gathered:
            count = _fitting(self._gathered, settings.batch_size)
            is_full = count == settings.batch_size or count < len(self._gathered)
            end = self._gathered[0].received + settings.maximum_batching_window
            with self._lock:
                if self._enabled and not self._may_read():
                    return
                if self._enabled and not is_full and self._scheduler.now() < end:
                    self._window_timer = self._scheduler.call_at(
                        end, self._words("batching window"), self.wake
                    )
                    return
                batch, self._gathered = self._gathered[:count], self._gathered[count:]
                self._active += 1
            self._start(batch)

    def _start(self, batch: list[ReceivedMessage]) -> None:
        self._submit("a batch", lambda: self._handle(batch, _FIRST_THROTTLE_DELAY))

    # -- delivering -----------------------------------------------------------------------

    def _handle(self, batch: list[ReceivedMessage], throttle_delay: float) -> None:
        waits = False
        try:
            waits = not self._deliver(batch, throttle_delay)
        except self._queue.missing:
            self._missed()
        finally:
            if not waits:
                self._finish()

    def _deliver(self, batch: list[ReceivedMessage], throttle_delay: float) -> bool:
        """Invoke the function with a batch; False where the batch waits for concurrency."""
        if self._settings.maximum_batching_window or throttle_delay > _FIRST_THROTTLE_DELAY:
            batch = self._queue.still_hidden(batch, self._scheduler.now())
        if not batch:
            return True
        attempt = max(message.receive_count for message in batch)
        try:
            outcome = self._invoke(event_of(batch), attempt)
        except Throttled:
            self._failed("Function call was throttled", batch, attempt)
            return not self._hold(batch, throttle_delay)
        except NotInvoked as error:
            self._failed(str(error), batch, attempt)
            return True
        failed = self._failed_messages(batch, outcome, attempt)
        done = [each for each in batch if each.message_id not in failed]
        with self._lock:
            for message in done:
                self._troubles.pop(message.message_id, None)
        self._queue.delete(done)
        return True

    def _failed_messages(
        self, batch: Sequence[ReceivedMessage], outcome: InvocationOutcome, attempt: int
    ) -> frozenset[str]:
        message_ids = frozenset(message.message_id for message in batch)
        if outcome.function_error is not None:
            self._failed(f"Function call failed ({_error_type(outcome)})", batch, attempt)
            return message_ids
        failed = frozenset[str]()
        if self._settings.report_batch_item_failures:
            failed = failed_messages(outcome.payload, message_ids)
        if failed:
            left = [message for message in batch if message.message_id in failed]
            self._failed(f"{len(failed)} of {len(message_ids)} messages failed", left, attempt)
        else:
            self.last_result = "OK"
        return failed

    def _failed(self, why: str, messages: Iterable[ReceivedMessage], attempt: int) -> None:
        self.last_result = f"PROBLEM: {why}"
        with self._lock:
            for message in messages:
                self._troubles.pop(message.message_id, None)
                self._troubles[message.message_id] = f" (on receipt {attempt}: {why})"

    def _submit(self, what: str, task: Callable[[], None]) -> None:
        self._scheduler.submit(self._words(what), self._named(task))

    def _named(self, task: Callable[[], None]) -> Callable[[], None]:
        return named(task, self._function, f"queue {self.name}")

    def _words(self, what: str) -> str:
        return f"{what} of queue {self.name}{self.trouble}"

    def _hold(self, batch: list[ReceivedMessage], delay: float) -> bool:
        """Set the time of the next try of a throttled batch; False where its messages have
        returned to the queue by then.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-backoff-strategy:
        Lambda tries again, with less concurrency, until the visibility timeout is over. Here
        nothing else is read meanwhile.
        """
        due = self._scheduler.now() + delay
        if not self._queue.still_hidden(batch, due):
            return False
        with self._lock:
            self._throttled += 1

        def again() -> None:
            with self._lock:
                self._throttled -= 1
            self._handle(batch, min(delay * 2, _LONGEST_THROTTLE_DELAY))

        self._scheduler.call_at(due, self._words("retry of a batch"), self._named(again))
        return True

    def _finish(self) -> None:
        with self._lock:
            self._active -= 1
            more = self._woken or bool(self._gathered) or self._fifo
        if more:
            self.wake()
        self._arm()

    # -- hidden messages ------------------------------------------------------------------

    def _arm(self) -> None:
        """Set the timer for the next message that returns."""
        if self._next_return is None:
            return
        with self._arming:
            moment = self._next_return(self._queue.arn)
            with self._lock:
                timer = self._return_timer
                if timer is not None and timer.due == moment and self._enabled:
                    return
                self._cancel(timer)
                self._return_timer = None
                if moment is None:
                    self._troubles.clear()
                elif self._enabled:
                    self._return_timer = self._scheduler.call_at(
                        moment, self._words("return of hidden messages"), self._returned
                    )

    def _returned(self) -> None:
        with self._lock:
            self._return_timer = None
        self.wake()

    def _missed(self) -> None:
        """SQS says that there is no such queue."""
        now = self._scheduler.now()
        with self._lock:
            since = self._unknown_since = self._unknown_since or now
        if self._next_return is not None or now >= since + _DOUBT:
            self.lose()

    def lose(self) -> None:
        """The queue does not exist any more: receive nothing."""
        with self._lock:
            self.lost = True
            self._enabled = False
            self._cancel(self._window_timer)
            self._cancel(self._return_timer)
            self._window_timer = self._return_timer = None
        self.last_result = f"PROBLEM: Queue {self._queue.arn} was not found"

    def _cancel(self, timer: Timer | None) -> None:
        if timer is not None:
            self._scheduler.cancel(timer)


def _fitting(messages: Sequence[ReceivedMessage], batch_size: int) -> int:
    """How many of the messages make one batch: at most ``batch_size``, at most 6 MB."""
    size = 0
    for count, message in enumerate(messages[:batch_size]):
        size += message.size
        if count and size > PAYLOAD_LIMIT:
            return count
    return min(len(messages), batch_size)


def _error_type(outcome: InvocationOutcome) -> str:
    document = json.loads(outcome.payload)
    error = document.get("errorType") if isinstance(document, dict) else None
    return str(error or outcome.function_error)
