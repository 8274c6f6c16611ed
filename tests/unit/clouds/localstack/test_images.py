from __future__ import annotations

import pytest

from slstest.clouds.localstack.images import DEFAULT_IMAGE, check_image, needs_token, split_image
from slstest.errors import ConfigurationError


@pytest.mark.parametrize(
    "image",
    [
        DEFAULT_IMAGE,
        "localstack/localstack:3.8.1",
        "localstack/localstack:4.14.0-arm64",
        "localstack/localstack:4",
        "localstack/localstack:4.14",
        "localstack/localstack:s3-4.14.0",
        "localstack/localstack@sha256:0123456789abcdef",
        "our/own-localstack:latest",
        "registry.example.com:5000/localstack/localstack:4.13.1",
    ],
)
def test_images_before_the_account_start_without_a_token(image: str) -> None:
    check_image(image, {})


@pytest.mark.parametrize(
    "image",
    [
        "localstack/localstack",
        "localstack/localstack:latest",
        "localstack/localstack:latest-arm64",
        "localstack/localstack:s3-latest",
        "localstack/localstack:stable",
        "localstack/localstack:4.15.0",
        "localstack/localstack:5",
        "localstack/localstack:2026.03.0",
        "localstack/localstack-pro:4.14.0",
        "docker.io/localstack/localstack:latest",
        "registry.example.com:5000/localstack/localstack",
    ],
)
def test_newer_images_are_refused_without_a_token_and_say_the_ways_out(image: str) -> None:
    with pytest.raises(ConfigurationError, match=f"LOCALSTACK_AUTH_TOKEN .* {DEFAULT_IMAGE}"):
        check_image(image, {"LOCALSTACK_AUTH_TOKEN": ""})
    check_image(image, {"LOCALSTACK_AUTH_TOKEN": "ls-1"})


@pytest.mark.parametrize("image", ["", "Local Stack", "localstack/localstack:4.14.0 ", "a:b:c d"])
def test_what_is_no_image_is_refused(image: str) -> None:
    with pytest.raises(ConfigurationError, match="is no name of an image"):
        needs_token(image)


def test_the_port_of_a_registry_is_no_tag() -> None:
    assert split_image("localhost:5000/localstack/localstack") == (
        "localhost:5000/localstack/localstack",
        "latest",
    )
