"""Lambda's queue of events that were invoked asynchronously.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, replace

from slstest.embedded.destinations import Destinations, object_key
from slstest.embedded.event_sources.base import Throttled
from slstest.embedded.lambda_service import event_records
from slstest.embedded.lambda_service.event_invoke_config import EventInvokeConfig
from slstest.embedded.lambda_service.event_records import Response
from slstest.embedded.lambda_service.functions import Function
from slstest.embedded.lambda_service.invocation import Invoker, error_type
from slstest.embedded.scheduler import Scheduler

_RETRY_DELAYS = (60.0, 120.0)
"""Seconds before the first and the second retry."""

_FIRST_THROTTLE_DELAY = 1.0
_LONGEST_THROTTLE_DELAY = 300.0
"""Seconds before an event that was throttled is tried again, doubled each time."""

_WORKERS = 10
"""Events handled at once; AWS scales out further, this machine need not."""


@dataclass(frozen=True)
class Event:
    """One event of a function, and what has come of it so far."""

    function: Function
    payload: bytes
    request_id: str
    accepted: float
    invoke_count: int = 0
    """How often the function has seen it."""
    throttles: int = 0
    """How often it was throttled since then."""
    response: Response | None = None
    """Of the latest try."""


class EventQueue:
    """Invokes functions with their events, retries, and tells destinations what came of it.

    Events are handled in order of their coming. Of a function with reserved concurrency no
    more are read at once than it can take: Lambda "reduces the rate at which it reads
    events". What else is throttled was competed with by other invocations.
    """

    def __init__(self, invoker: Invoker, scheduler: Scheduler, destinations: Destinations) -> None:
        self._invoker = invoker
        self._scheduler = scheduler
        self._destinations = destinations
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._handled: Counter[str] = Counter()
        """Events that are being handled, by their function's name."""
        self._workers = 0

    def enqueue(self, function: Function, payload: bytes, request_id: str) -> None:
        """Accept an event."""
        self._put(Event(function, payload, request_id, self._scheduler.now()))

    # -- reading --------------------------------------------------------------------------

    def _put(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
            self._start_worker(event.function.name)

    def _start_worker(self, name: str) -> None:
        if self._workers < _WORKERS:
            self._workers += 1
            self._scheduler.submit(f"asynchronous invocations of {name}", self._work)

    def _work(self) -> None:
        while event := self._next():
            name = event.function.name
            broken = True
            try:
                self._handle(event)
                broken = False
            finally:
                with self._lock:
                    self._handled -= Counter([name])
                    if broken:
                        self._workers -= 1
                        self._start_worker(name)

    def _next(self) -> Event | None:
        """The first event that may be read. Those that may not are read by the worker that
        handles another event of the same function now."""
        with self._lock:
            for place, event in enumerate(self._events):
                if self._may_read(event.function):
                    del self._events[place]
                    self._handled[event.function.name] += 1
                    return event
            self._workers -= 1
            return None

    def _may_read(self, function: Function) -> bool:
        reserved = function.reserved_concurrency
        return not reserved or self._handled[function.name] < reserved

    # -- handling -------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        function = event.function
        if _is_gone(function):
            return
        if function.reserved_concurrency == 0:
            # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html:
            # "Lambda begins sending new events to the configured dead-letter queue or the
            # on-failure event destination, without any retries."
            self._fail(event, event_records.NO_CONCURRENCY)
            return
        if self._scheduler.now() > self._deadline(event):
            self._fail(event, event_records.EVENT_AGE_EXCEEDED)
            return
        try:
            outcome = self._invoker.deliver(
                function,
                event.payload,
                attempt=event.invoke_count + 1,
                request_id=event.request_id,
            )
        except Throttled as throttled:
            self._throttled(event, str(throttled))
            return
        if _is_gone(function):
            return
        event = replace(
            event,
            invoke_count=event.invoke_count + 1,
            throttles=0,
            response=event_records.response_of(outcome),
        )
        if outcome.function_error is None:
            self._send_record(event, event_records.SUCCESS, _config(function).on_success)
        elif event.invoke_count > _config(function).retry_attempts:
            self._fail(event, event_records.RETRIES_EXHAUSTED)
        else:
            self._try_again(
                event,
                _RETRY_DELAYS[event.invoke_count - 1],
                f"retry {event.invoke_count} of an asynchronous invocation of {function.name}, "
                f"which failed with {error_type(outcome)}",
            )

    def _throttled(self, event: Event, reason: str) -> None:
        """Keep an event that no function saw; this uses up no retry."""
        delay = min(_FIRST_THROTTLE_DELAY * 2**event.throttles, _LONGEST_THROTTLE_DELAY)
        name = event.function.name
        self._try_again(
            replace(event, throttles=event.throttles + 1, response=event_records.THROTTLED),
            delay,
            f"asynchronous invocation of {name}, which was throttled ({reason})",
        )

    def _try_again(self, event: Event, delay: float, what: str) -> None:
        """Put an event back for later, unless it is too old by then."""
        due = self._scheduler.now() + delay
        if due > self._deadline(event):
            self._fail(event, event_records.EVENT_AGE_EXCEEDED)
        else:
            self._scheduler.call_at(due, what, lambda: self._put(event))

    def _deadline(self, event: Event) -> float:
        return event.accepted + _config(event.function).event_age

    # -- telling --------------------------------------------------------------------------

    def _fail(self, event: Event, condition: str) -> None:
        """Give an event up. A function may have a dead-letter queue and a destination."""
        function = event.function
        self._send_record(event, condition, _config(function).on_failure)
        dead_letter_queue = function.dead_letter_queue
        if dead_letter_queue:
            self._destinations.send_dead_letter(
                dead_letter_queue,
                _arn(function),
                event.payload.decode(),
                event_records.dead_letter_attributes(event.request_id, condition, event.response),
            )

    def _send_record(self, event: Event, condition: str, destination: str) -> None:
        if not destination:
            return
        now = self._scheduler.now()
        record = event_records.invocation_record(
            request_id=event.request_id,
            function_arn=_arn(event.function),
            condition=condition,
            invoke_count=event.invoke_count,
            payload=event.payload,
            response=event.response,
            now=now,
        )
        key = object_key(f"aws/lambda/async/{event.function.name}", now)
        self._destinations.send(destination, record, object_key=key)


def _config(function: Function) -> EventInvokeConfig:
    return function.event_invoke_config or EventInvokeConfig()


def _is_gone(function: Function) -> bool:
    """Whether it was deleted: its queue and its destinations went with it."""
    return function.deleted


def _arn(function: Function) -> str:
    return f"{function.arn}:$LATEST"
