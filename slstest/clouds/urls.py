"""The URLs of endpoints."""

from __future__ import annotations

from urllib.parse import urlsplit

from slstest.errors import ConfigurationError


def checked_url(url: str) -> str:
    """A URL without its last slash. Raises :class:`slstest.errors.ConfigurationError` for one
    that is no HTTP URL of a host, or that is AWS itself."""
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/") or parts.query:
        raise ConfigurationError(
            f"{url!r} is no URL of an endpoint; one looks like http://localhost:4566"
        )
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".aws")):
        raise ConfigurationError(
            f"{url} is AWS itself; to test on AWS choose the cloud 'aws', which checks the account"
        )
    return url.rstrip("/")
