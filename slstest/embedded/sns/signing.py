"""The key with which notifications are signed.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import hashlib
import threading
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_KEY_BITS = 2048
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}
"""By the SignatureVersion of a topic."""

_VALIDITY = timedelta(days=3650)
"""Before and after the present: the cloud's clock may be ahead of it."""


class Signer:
    """Signs with a key of its own, made when it is needed first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def sign(self, text: str, version: str) -> str:
        """The signature in base64."""
        with self._lock:
            key = self._key
        return base64.b64encode(
            key.sign(text.encode(), padding.PKCS1v15(), _HASHES[version])
        ).decode()

    @property
    def certificate_path(self) -> str:
        """Where the certificate is to be found, as a path."""
        digest = hashlib.md5(self.certificate, usedforsecurity=False).hexdigest()
        return f"/SimpleNotificationService-{digest}.pem"

    @property
    def certificate(self) -> bytes:
        """The certificate of the key, as PEM."""
        with self._lock:
            return self._certificate

    # -- inside -------------------------------------------------------------------------

    @cached_property
    def _key(self) -> RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)

    @cached_property
    def _certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _VALIDITY)
            .not_valid_after(now + _VALIDITY)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)
