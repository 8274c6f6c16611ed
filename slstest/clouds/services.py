"""Whether a cloud has the AWS service that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slstest.errors import Unavailable

if TYPE_CHECKING:
    from slstest.clouds.connection import Health


def check_service(health: Health, client: Any, where: str | None) -> None:
    """Raise :class:`slstest.errors.Unavailable` where the cloud has told its services, and the
    client's is not among them."""
    if health.services and not health.services.intersection(_names(client)):
        told = f"{where} ({health})" if str(health) else where
        name = client.meta.service_model.service_name
        raise Unavailable(f"{told} has no service {name!r}, which this test needs")


def _names(client: Any) -> set[str]:
    """Those by which clouds list a service: LocalStack as boto3 calls it, others as AWS does in
    URLs or in signatures."""
    model = client.meta.service_model
    return {model.service_name, model.endpoint_prefix, model.signing_name}
