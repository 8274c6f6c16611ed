"""Whether those who subscribed to a topic let SNS in.

SNS acts for a topic without an identity of its own, so the resource's policy decides, also where
the topic is of the same account.
"""

from __future__ import annotations

from collections.abc import Callable

from slstest.embedded.resource_policies import Access, UnreadablePolicy
from slstest.embedded.sns.delivery import Undeliverable

PRINCIPAL = "sns.amazonaws.com"


def sns_access(action: str, resource: str, topic_arn: str) -> Access:
    """What SNS wants to do for a topic."""
    context = {"aws:SourceArn": topic_arn, "aws:SourceAccount": topic_arn.split(":")[4]}
    return Access(PRINCIPAL, action, resource, context)


def check_allowed(kind: str, access: Access, allowed: Callable[[], bool]) -> None:
    """Raise :class:`Undeliverable` unless the policy of a resource of some kind allows an access.

    ``allowed`` judges it. It may raise
    :class:`slstest.embedded.resource_policies.UnreadablePolicy`.
    """
    try:
        if allowed():
            return
    except UnreadablePolicy as error:
        raise Undeliverable(f"the {kind}'s policy: {error}") from error
    raise Undeliverable(
        f"the {kind}'s policy does not allow {access.service} to do {access.action} with "
        f"aws:SourceArn {access.context['aws:SourceArn']}"
    )
