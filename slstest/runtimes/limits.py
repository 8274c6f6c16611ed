"""Limits of an invocation that every runtime holds its functions to."""

from __future__ import annotations

MAX_RESPONSE_SIZE = 6 * 1024 * 1024 + 100
"""Bytes of a response, https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
(the 6 MB of a synchronous invocation; Lambda's own check lets 100 bytes more pass)."""


def response_too_large() -> dict[str, str]:
    """Lambda's error document for a response over the limit."""
    return {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        f"({MAX_RESPONSE_SIZE} bytes).",
    }
