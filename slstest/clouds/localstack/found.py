"""A LocalStack that runs already, as LocalStack's own client for Python finds it."""

from __future__ import annotations

from collections.abc import Mapping

from slstest.clouds.urls import checked_url
from slstest.errors import ConfigurationError

EXTRA = 'pip install "slstest[localstack]"'

_VARIABLES = ("AWS_ENDPOINT_URL", "LOCALSTACK_HOST", "EDGE_PORT")


def running_localstack(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The URL of a LocalStack that the environment names, and the variable that does so.

    ``AWS_ENDPOINT_URL`` is a URL, ``LOCALSTACK_HOST`` a host with or without a port,
    ``EDGE_PORT`` a port; ``USE_SSL=1`` makes the last two HTTPS.
    Raises :class:`slstest.errors.ConfigurationError` where it names none that can be.
    """
    name = next((name for name in _VARIABLES if environ.get(name, "").strip()), None)
    if name is None:
        return None
    try:
        from localstack_client.config import get_service_endpoint
    except ImportError as error:
        raise ConfigurationError(
            f"{name} says where LocalStack is, and localstack-client would read it, which is not "
            f"installed: {EXTRA}"
        ) from error
    try:
        return checked_url(get_service_endpoint("sts", _host(environ)) or ""), name
    except (RuntimeError, ConfigurationError) as error:
        raise ConfigurationError(f"{name}={environ[name]}: {error}") from error


def _host(environ: Mapping[str, str]) -> str:
    """``host:port``. The client has given up EDGE_PORT, which many set-ups still have."""
    host = environ.get("LOCALSTACK_HOST", "").strip() or "localhost"
    port = environ.get("EDGE_PORT", "").strip()
    return f"{host}:{port}" if port and ":" not in host else host
