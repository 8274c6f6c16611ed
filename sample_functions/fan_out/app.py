"""Gives each document to a worker function: waiting for all of them, or for none.

    {"documents": {"a.txt": "one two"}, "wait": true}   -> {"words": {"a.txt": 2}}
    {"documents": {"a.txt": "one two"}, "wait": false}  -> {"accepted": ["a.txt"]}

Environment: ``WORKER_FUNCTION`` names the function that is invoked once per document.
"""

from __future__ import annotations

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

WORKER = os.environ["WORKER_FUNCTION"]
PARALLEL_INVOCATIONS = 4
lambda_client = boto3.client("lambda")


class WorkerFailed(Exception):
    """A worker that was waited for did not return a result."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Hand the documents out; ``wait`` says whether to wait for the workers' results."""
    documents: dict[str, str] = event["documents"]
    if event["wait"]:
        with ThreadPoolExecutor(PARALLEL_INVOCATIONS) as pool:
            counts = list(pool.map(count_words, documents, documents.values()))
        return {"words": dict(zip(documents, counts, strict=True))}
    for name, text in documents.items():
        hand_out(name, text)
    logger.info("%d documents handed out", len(documents))
    return {"accepted": list(documents)}


def count_words(name: str, text: str) -> int:
    """Invoke the worker and wait for its result.

    Invoke succeeds even where the worker raised: only ``FunctionError`` tells.
    """
    response = lambda_client.invoke(
        FunctionName=WORKER, InvocationType="RequestResponse", Payload=payload(name, text)
    )
    result = json.load(response["Payload"])
    if "FunctionError" in response:
        raise WorkerFailed(f"{name}: {result['errorType']}: {result['errorMessage']}")
    words: int = result["words"]
    return words


def hand_out(name: str, text: str) -> None:
    """Invoke the worker asynchronously: Lambda queues the event, and retries it twice."""
    lambda_client.invoke(FunctionName=WORKER, InvocationType="Event", Payload=payload(name, text))


def payload(name: str, text: str) -> bytes:
    """The worker's event."""
    return json.dumps({"name": name, "text": text}).encode()
