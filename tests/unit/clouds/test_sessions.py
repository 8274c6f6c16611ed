from __future__ import annotations

import pytest

from slstest.clouds.embedded import EmbeddedCloud
from slstest.clouds.sessions import check_profile
from slstest.errors import ConfigurationError


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    check_profile()
    monkeypatch.setenv("AWS_PROFILE", "gone")
    with pytest.raises(ConfigurationError, match=r"\(gone\) could not be found.*Unset AWS_PROFILE"):
        check_profile()


def test_the_embedded_cloud_does_not_begin_without_its_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "gone")
    with pytest.raises(ConfigurationError, match="AWS_PROFILE"):
        EmbeddedCloud(lambda surroundings: pytest.fail("a runtime was made"))
