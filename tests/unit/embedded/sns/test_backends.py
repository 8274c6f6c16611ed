from __future__ import annotations

from moto.sns.models import sns_backends

from slstest.embedded.sns.backend import EmbeddedSnsBackend, Surroundings
from slstest.embedded.sns.backends import CloudTopics


def open_topics() -> CloudTopics:
    return CloudTopics(Surroundings(lambda: 0.0, lambda topic, deliveries: None))


def seen() -> set[str]:
    return set(sns_backends["123456789012"]["us-east-1"].topics)


def test_every_cloud_has_topics_of_its_own() -> None:
    before, class_before = seen(), type(sns_backends)
    first, second = open_topics(), open_topics()
    with first.seen():
        backend = sns_backends["123456789012"]["us-east-1"]
        assert isinstance(backend, EmbeddedSnsBackend)
        backend.create_topic("mine")
        with second.seen():
            assert seen() == set()
        assert seen() == {"arn:aws:sns:us-east-1:123456789012:mine"}
    assert seen() == before
    first.close()
    with second.seen():
        assert seen() == set()
    second.close()
    assert type(sns_backends) is class_before
