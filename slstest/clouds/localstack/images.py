"""Which images of LocalStack start without an account."""

from __future__ import annotations

import re
from collections.abc import Mapping

from slstest.errors import ConfigurationError

DEFAULT_IMAGE = "localstack/localstack:4.14.0"
"""The last release that needs no account. LocalStack's images are one since March 2026, and it
wants ``LOCALSTACK_AUTH_TOKEN``."""

AUTH_TOKEN = "LOCALSTACK_AUTH_TOKEN"

_LAST_FREE = (4, 14)
_MOVING = re.compile(r"(?:.*-)?(?:latest|stable|nightly|dev)(?:-.*)?")
_VERSION = re.compile(r"(?:s3-|v)*(\d+)(?:\.(\d+))?(?:[.-].*)?")


def split_image(image: str) -> tuple[str, str]:
    """The repository and the tag of an image; the tag is empty where a digest takes its place.

    Raises :class:`slstest.errors.ConfigurationError` for what is no name of an image.
    """
    name, _, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, "" if digest else "latest"
    if not re.fullmatch(r"[a-z0-9][\w.:/-]*", repository) or not re.fullmatch(r"[\w.-]*", tag):
        raise ConfigurationError(
            f"{image!r} is no name of an image; one looks like {DEFAULT_IMAGE}"
        )
    return repository, tag


def check_image(image: str, environ: Mapping[str, str]) -> None:
    """Refuse an image that would end at once for want of an account's token.

    Raises :class:`slstest.errors.ConfigurationError`, which says the ways out.
    """
    if needs_token(image) and not environ.get(AUTH_TOKEN):
        raise ConfigurationError(
            f"the image {image} starts only with an account of LocalStack: {AUTH_TOKEN} is not "
            f"set. Set it, or take {DEFAULT_IMAGE}, the last release that needs none"
        )


def needs_token(image: str) -> bool:
    """Whether an image is one of LocalStack's own that starts only with a token."""
    repository, tag = split_image(image)
    if repository.endswith("localstack/localstack-pro"):
        return True
    if not f"/{repository}".endswith("/localstack/localstack"):
        return False
    if _MOVING.fullmatch(tag):
        return True
    version = _VERSION.fullmatch(tag)
    if version is None:
        return False
    # Of a major version alone the newest is meant; the newest 4 is the last free one.
    return (int(version[1]), int(version[2] or 0)) > _LAST_FREE
