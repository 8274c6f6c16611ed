"""What SNS answers: moto reads the requests and words the answers, our topics know what to say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sns import urls as moto_urls
from moto.sns.responses import SNSResponse
from moto.sns.utils import is_e164

from slstest.embedded.sns.attributes import not_built
from slstest.embedded.sns.backend import EmbeddedSnsBackend, answering
from slstest.embedded.sns.requests import Published, check_arn, check_batch, invalid
from slstest.embedded.sns.topic import Receipt


class _Responses(SNSResponse):
    """moto's answers, of what our topics say."""

    backend: EmbeddedSnsBackend

    def create_topic(self) -> ActionResult:
        with answering():
            if self._get_param("DataProtectionPolicy"):
                raise not_built("know the parameter DataProtectionPolicy of CreateTopic")
            tags = self._get_param("Tags", [])
            if len({tag["Key"] for tag in tags}) < len(tags):
                raise invalid("Duplicated keys are not allowed.")
        topic = self.backend.create_topic(
            self._get_param("Name"), dict(self._get_param("Attributes", {})), self._get_tags()
        )
        return ActionResult({"TopicArn": topic.arn})

    def delete_topic(self) -> ActionResult:
        with answering():
            check_arn(self._get_param("TopicArn"), "TopicArn")
        return super().delete_topic()

    def get_topic_attributes(self) -> ActionResult:
        attributes = self.backend.topic_attributes(self._get_param("TopicArn"))
        return ActionResult({"Attributes": attributes})

    def set_topic_attributes(self) -> ActionResult:
        self.backend.set_topic_attribute(
            self._get_param("TopicArn"),
            self._get_param("AttributeName"),
            self._get_param("AttributeValue") or "",
        )
        return EmptyResult()

    def subscribe(self) -> ActionResult:
        subscription = self.backend.subscribe(
            self._get_param("TopicArn"),
            self._get_param("Endpoint") or "",
            self._get_param("Protocol"),
            dict(self._get_param("Attributes", {})),
        )
        hidden = subscription.pending and not self._get_param("ReturnSubscriptionArn")
        arn = "pending confirmation" if hidden else subscription.arn
        return ActionResult({"SubscriptionArn": arn})

    def set_subscription_attributes(self) -> ActionResult:
        self.backend.set_subscription_attributes(
            self._get_param("SubscriptionArn"),
            self._get_param("AttributeName"),
            self._get_param("AttributeValue") or "",
        )
        return EmptyResult()

    def list_subscriptions(self) -> ActionResult:
        return _listed(self.backend.list_subscriptions(next_token=self._get_param("NextToken")))

    def list_subscriptions_by_topic(self) -> ActionResult:
        with answering():
            check_arn(self._get_param("TopicArn"), "TopicArn")
        return _listed(
            self.backend.list_subscriptions_by_topic(
                self._get_param("TopicArn"), next_token=self._get_param("NextToken")
            )
        )

    def confirm_subscription(self) -> ActionResult:
        """No token was ever given out."""
        with answering():
            raise invalid("Token")

    def publish(self) -> ActionResult:
        phone_number = self._get_param("PhoneNumber")
        arn = self._get_param("TargetArn") or self._get_param("TopicArn")
        with answering():
            if phone_number is not None and not is_e164(phone_number):
                raise invalid(f"PhoneNumber Reason: {phone_number} is not valid to publish to")
            if phone_number is None and arn is None:
                raise invalid("TopicArn or TargetArn Reason: no value for required parameter")
            if ":endpoint/" in (arn or "") and arn not in self.backend.platform_endpoints:
                raise invalid("TargetArn Reason: No endpoint found for the target arn specified")
        if phone_number is not None or ":endpoint/" in arn:
            return super().publish()
        receipt = self.backend.publish_to_topic(arn, self._published(_Parameters(self)))
        return ActionResult(_worded(receipt))

    def publish_batch(self) -> ActionResult:
        arn = self._get_param("TopicArn")
        entries = self._get_param("PublishBatchRequestEntries", [])
        ids = [entry["Id"] for entry in entries]
        published = [self._published(entry) for entry in entries]
        with answering():
            check_batch(ids, published, maximum_size=self.backend.maximum_size(arn))
        receipts = self.backend.publish_all(arn, dict(zip(ids, published, strict=True)))
        successful = [
            {"Id": each, **_worded(receipt)} for each, receipt in zip(ids, receipts, strict=True)
        ]
        return ActionResult({"Successful": successful, "Failed": []})

    def _published(self, parameters: Any) -> Published:
        return Published(
            message=parameters.get("Message", ""),
            subject=parameters.get("Subject"),
            structure=parameters.get("MessageStructure"),
            attributes=dict(parameters.get("MessageAttributes") or {}),
            group_id=parameters.get("MessageGroupId"),
            deduplication_id=parameters.get("MessageDeduplicationId"),
            trace_header=self.headers.get("X-Amzn-Trace-Id"),
        )


class _Parameters:
    """The parameters of a request, read as those of an entry of a batch are."""

    def __init__(self, responses: SNSResponse) -> None:
        self._responses = responses

    def get(self, name: str, default: Any = None) -> Any:
        return self._responses._get_param(name, default)


def _worded(receipt: Receipt) -> dict[str, str]:
    message_id, sequence_number = receipt
    numbered = {} if sequence_number is None else {"SequenceNumber": sequence_number}
    return {"MessageId": message_id, **numbered}


def _listed(page: tuple[list[Any], int | None]) -> ActionResult:
    subscriptions, next_token = page
    return ActionResult(
        {"Subscriptions": [each.described() for each in subscriptions], "NextToken": next_token}
    )


URLS = SimpleNamespace(
    url_bases=moto_urls.url_bases,
    url_paths=dict.fromkeys(moto_urls.url_paths, _Responses.dispatch),
)
"""In the place of the module in which moto has them."""
