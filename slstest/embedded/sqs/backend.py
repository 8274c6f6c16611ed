"""The operations of Amazon SQS, on queues of our own."""

from __future__ import annotations

import base64
import copy
import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult
from moto.sqs import urls as moto_urls
from moto.sqs.exceptions import QueueAlreadyExists, SQSException
from moto.sqs.models import Message, Queue, SQSBackend, _filter_message_attributes
from moto.sqs.responses import SQSResponse

from slstest.embedded.sqs.attributes import checked
from slstest.embedded.sqs.messages import Held
from slstest.embedded.sqs.queue import EmbeddedMessage, EmbeddedQueue, Surroundings
from slstest.embedded.sqs.requests import (
    Refused,
    check_batch,
    check_ids,
    check_message,
    visibility_timeout_of,
)


class EmbeddedSqsBackend(SQSBackend):
    """moto's backend of one account and region, with our queues."""

    surroundings: Surroundings

    @property
    def _url_module(self) -> Any:
        return _URLS

    def create_queue(self, name: str, tags: dict[str, str] | None = None, **kwargs: Any) -> Queue:
        for given_by_cloudformation in ("region", "QueueName"):
            kwargs.pop(given_by_cloudformation, None)
        with self._answering():
            made = EmbeddedQueue(
                self.surroundings, name, self.region_name, self.account_id, **kwargs
            )
            existing = self.queues.get(name)
            if existing is None:
                self.queues[name] = made
                made.tags = tags or {}
                return made
            for attribute in kwargs:
                if existing.attributes.get(attribute) != made.attributes.get(attribute):
                    raise QueueAlreadyExists(
                        "A queue already exists with the same name and a different value for "
                        f"attribute {attribute}"
                    )
            return existing

    def set_queue_attributes(self, queue_name: str, attributes: dict[str, Any]) -> Queue:
        with self._locked(queue_name) as queue:
            if "FifoQueue" in attributes:
                raise Refused("InvalidAttributeName", "Unknown Attribute FifoQueue.")
            valid = checked(attributes, fifo=queue.fifo_queue)
            return super().set_queue_attributes(queue_name, valid)

    def get_queue_attributes(self, queue_name: str, attribute_names: list[str]) -> dict[str, Any]:
        with self.surroundings.lock:
            return super().get_queue_attributes(queue_name, attribute_names)

    def delete_queue(self, queue_name: str) -> None:
        with self._locked(queue_name) as queue:
            super().delete_queue(queue_name)
            self.surroundings.listener.emptied(queue.queue_arn)

    def purge_queue(self, queue_name: str) -> None:
        with self._locked(queue_name) as queue:
            super().purge_queue(queue_name)
            queue.held.clear()
            self.surroundings.listener.emptied(queue.queue_arn)

    def send_message(
        self,
        queue_name: str,
        message_body: str,
        message_attributes: dict[str, Any] | None = None,
        delay_seconds: int | None = None,
        deduplication_id: str | None = None,
        group_id: str | None = None,
        system_attributes: dict[str, Any] | None = None,
        validate_group_id: bool = True,
    ) -> Message:
        with self._locked(queue_name) as queue:
            check_message(
                message_body,
                message_attributes or {},
                maximum_size=queue.maximum_message_size,  # type: ignore[attr-defined]
                delay_seconds=None if delay_seconds is None else int(delay_seconds),
                deduplication_id=deduplication_id,
                group_id=group_id,
                fifo=queue.fifo_queue,
                content_based_deduplication=queue.content_based_deduplication,  # type: ignore[attr-defined]
            )
            if queue.content_based_deduplication and deduplication_id is None:  # type: ignore[attr-defined]
                deduplication_id = hashlib.sha256(message_body.encode()).hexdigest()
            message = EmbeddedMessage(str(uuid.uuid4()), message_body, system_attributes)
            message.message_attributes = message_attributes or {}
            message.deduplication_id = deduplication_id
            message.group_id = group_id
            delay = queue.delay_seconds if delay_seconds is None else int(delay_seconds)  # type: ignore[attr-defined]
            return queue.accept(message, delay)

    def send_message_batch(
        self, queue_name: str, entries: dict[str, dict[str, Any]]
    ) -> tuple[list[Message], list[dict[str, Any]]]:
        sent: list[Message] = []

        def send(entry: dict[str, Any]) -> None:
            message = self.send_message(
                queue_name,
                entry["MessageBody"],
                message_attributes=entry["MessageAttributes"],
                delay_seconds=entry["DelaySeconds"],
                group_id=entry.get("MessageGroupId"),
                deduplication_id=entry.get("MessageDeduplicationId"),
                system_attributes=entry.get("MessageSystemAttributes"),
            )
            answered = copy.copy(message)
            answered.user_id = entry["Id"]  # type: ignore[attr-defined]
            sent.append(answered)

        with self._locked(queue_name):
            check_batch(list(entries.values()))
            _, failed = _each(entries.values(), send)
        return sent, failed

    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        """Does not wait: :mod:`slstest.embedded.sqs.waiting` does, without holding anything up."""
        with self._locked(queue_name) as queue:
            now = self.surroundings.now_ms()
            given: list[Held[EmbeddedMessage]] = []
            queue.held.newest_first = self.surroundings.newest_first(queue_name)
            for held in queue.held.receivable(now, queue.retention):
                if self._goes_to_dead_letters(queue, held):
                    continue
                handle = "AQEB" + base64.b64encode(os.urandom(129)).decode()
                queue.held.receive(
                    held, handle, now=now, visibility_timeout=int(visibility_timeout or 0) * 1000
                )
                held.message.approximate_receive_count += 1
                held.message.receipt_handle = handle
                if held.message.approximate_first_receive_timestamp is None:
                    held.message.approximate_first_receive_timestamp = now
                given.append(held)
                if len(given) == count:
                    break
            queue.held.end_request(given, now)
            if given:
                self.surroundings.listener.hidden(queue.queue_arn)
            return [_shown(held.message, message_attribute_names or []) for held in given]

    def _goes_to_dead_letters(self, queue: EmbeddedQueue, held: Held[EmbeddedMessage]) -> bool:
        """Move a message that was received often enough, on the receipt that is one too many."""
        policy, target = queue.redrive_policy, queue.dead_letter_queue
        if not policy or held.message.approximate_receive_count < policy["maxReceiveCount"]:
            return False
        if not isinstance(target, EmbeddedQueue) or self.queues.get(target.name) is not target:
            return False
        queue.held.remove(held)
        target.take_over(held, queue.queue_arn)
        return True

    def delete_message(self, queue_name: str, receipt_handle: str) -> None:
        with self._locked(queue_name) as queue:
            queue.held.delete(receipt_handle, self.surroundings.now_ms())
            self.surroundings.listener.hidden(queue.queue_arn)

    def delete_message_batch(
        self, queue_name: str, receipts: list[dict[str, Any]]
    ) -> tuple[list[str], list[dict[str, Any]]]:
        with self._locked(queue_name):
            check_ids(receipts)
            return _each(
                receipts, lambda entry: self.delete_message(queue_name, entry["ReceiptHandle"])
            )

    def change_message_visibility(
        self, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        with self._locked(queue_name) as queue:
            timeout = int(visibility_timeout) * 1000
            queue.held.change_visibility(
                receipt_handle, now=self.surroundings.now_ms(), visibility_timeout=timeout
            )
            if timeout:
                self.surroundings.listener.hidden(queue.queue_arn)
            else:
                self.surroundings.listener.arrived(queue.queue_arn)

    def change_message_visibility_batch(
        self, queue_name: str, entries: list[dict[str, Any]]
    ) -> tuple[list[str], list[dict[str, Any]]]:
        with self._locked(queue_name):
            check_ids(entries)
            return _each(
                entries,
                lambda entry: self.change_message_visibility(
                    queue_name, entry["ReceiptHandle"], visibility_timeout_of(entry)
                ),
            )

    @contextmanager
    def _locked(self, queue_name: str) -> Iterator[EmbeddedQueue]:
        with self._answering():
            queue = self.get_queue(queue_name)
            assert isinstance(queue, EmbeddedQueue)
            yield queue

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self.surroundings.lock:
            try:
                yield
            except Refused as error:
                raise SQSException(error.code, error.message) from error


class _Responses(SQSResponse):
    """moto's answers, without empty lists, and with the attribute that moto does not know."""

    def send_message_batch(self) -> ActionResult:
        return _without_empty_lists(super().send_message_batch())

    def delete_message_batch(self) -> ActionResult:
        return _without_empty_lists(super().delete_message_batch())

    def change_message_visibility_batch(self) -> ActionResult:
        return _without_empty_lists(super().change_message_visibility_batch())

    def receive_message(self) -> ActionResult:
        answer = super().receive_message()
        asked = {*self._get_param("AttributeNames", []), *self._asked_system_attributes()}
        if asked & {"All", "DeadLetterQueueSourceArn"}:
            backend = self.sqs_backend
            queue = backend.get_queue(self._get_queue_name())
            result: Any = answer.result
            for message in result.get("Messages", ()):
                held = queue.held.find(message["ReceiptHandle"])  # type: ignore[attr-defined]
                source = held.message.dead_letter_source if held is not None else None
                if source is not None:
                    message.setdefault("Attributes", {})["DeadLetterQueueSourceArn"] = source
        return answer

    def _asked_system_attributes(self) -> list[str]:
        asked: list[str] = self._get_param("MessageSystemAttributeNames", [])
        return asked


def _without_empty_lists(answer: ActionResult) -> ActionResult:
    result: Any = answer.result
    return ActionResult({name: entries for name, entries in result.items() if entries})


def _shown(message: Message, names: list[str]) -> Message:
    """What a request gets to see: the message as it is now, with the attributes asked for."""
    seen = copy.copy(message)
    _filter_message_attributes(seen, names)
    return seen


def _each(
    entries: Iterable[dict[str, Any]], act: Callable[[dict[str, Any]], None]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Do something with each entry of a batch: which succeeded, and the errors of the others."""
    done, failed = [], []
    for entry in entries:
        try:
            act(entry)
        except (SQSException, Refused) as error:
            failed.append(
                {
                    "Id": entry["Id"],
                    "SenderFault": True,
                    "Code": error.code,
                    "Message": error.message,
                }
            )
        else:
            done.append(entry["Id"])
    return done, failed


_URLS = SimpleNamespace(
    url_bases=moto_urls.url_bases,
    url_paths=dict.fromkeys(moto_urls.url_paths, _Responses().dispatch),
)
