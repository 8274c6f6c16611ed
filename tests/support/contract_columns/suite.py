"""The rules of the contract suite, read from its source."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CONTRACT = Path(__file__).parents[2] / "contract"

_WRITTEN = {
    "api": "API",
    "arn": "ARN",
    "aws": "AWS",
    "boto3": "boto3",
    "dynamodb": "DynamoDB",
    "dynamodbs": "DynamoDB's",
    "fifo": "FIFO",
    "json": "JSON",
    "kinesis": "Kinesis",
    "lambda": "Lambda",
    "lambdas": "Lambda's",
    "s3": "S3",
    "sns": "SNS",
    "sqs": "SQS",
    "hosts": "host's",
}


@dataclass(frozen=True)
class Topic:
    """One module of the suite."""

    module: str
    title: str
    rules: tuple[str, ...]
    """``module.py::test_function``, in the order of the file."""


@cache
def topics() -> tuple[Topic, ...]:
    return tuple(_topic(path) for path in sorted(CONTRACT.glob("test_*.py")))


def all_rules() -> tuple[str, ...]:
    return tuple(rule for topic in topics() for rule in topic.rules)


def sentence(rule: str) -> str:
    """What the name of a rule says."""
    name = rule.partition("::test_")[2]
    text = " ".join(_WRITTEN.get(word, word) for word in name.replace("_s_", "'s_").split("_"))
    return text[0].upper() + text[1:]


def _topic(path: Path) -> Topic:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    documented = " ".join((ast.get_docstring(tree) or path.stem).split())
    return Topic(
        path.name,
        re.split(r"[.:,]( |$)", documented)[0],
        tuple(
            f"{path.name}::{node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ),
    )
