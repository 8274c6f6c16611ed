"""The embedded cloud's buckets: what they are, and what they notify of."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeBucket, S3Backend, s3_backends

from slstest.embedded.s3_notifications.backend import EmbeddedS3Backend, facts
from slstest.embedded.s3_notifications.changes import BucketFacts
from slstest.embedded.s3_notifications.configuration import Rule


class S3State:
    """Puts our S3 in the place of moto's, until it is closed."""

    def __init__(self) -> None:
        # By the bucket itself: another one of the same name begins without.
        self._rules: WeakKeyDictionary[FakeBucket, tuple[Rule, ...]] = WeakKeyDictionary()
        self._before = s3_backends.backend
        self._install(EmbeddedS3Backend)

    def facts(self, bucket: str) -> BucketFacts | None:
        """What a bucket is; None where there is none of this name."""
        found = self._find(bucket)
        return None if found is None else facts(found)

    def rules(self, bucket: str) -> tuple[Rule, ...]:
        """What a bucket notifies of."""
        found = self._find(bucket)
        return () if found is None else self._rules.get(found, ())

    def configure(self, bucket: str, rules: tuple[Rule, ...]) -> None:
        """Let a bucket notify by these rules instead of those it had."""
        found = self._find(bucket)
        if found is not None:
            self._rules[found] = rules

    def close(self) -> None:
        """Give moto its own S3 back."""
        self._install(self._before)

    @staticmethod
    def _install(backend: type[S3Backend]) -> None:
        s3_backends.backend = backend
        for account in s3_backends.values():
            account.backend = backend
            for partition in account.values():
                # With all its buckets: whoever has some there goes on with them.
                partition.__class__ = backend

    @staticmethod
    def _find(bucket: str) -> FakeBucket | None:
        if bucket not in s3_backends.bucket_accounts:
            return None
        partition, account_id = s3_backends.bucket_accounts[bucket]
        try:
            return s3_backends[account_id][partition].get_bucket(bucket)
        except MissingBucket:
            return None
