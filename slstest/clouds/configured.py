"""Where boto3 was told to find AWS's services.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

ENDPOINT_URL = "AWS_ENDPOINT_URL"
"""The variable for all services; followed by an underscore and a service, that for one."""

_STS = re.compile(
    r"https://(vpce-[\w-]+\.)?sts(-fips)?(\.[a-z0-9-]+)?(\.vpce)?"
    r"\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws)"
)


def endpoint_variables(
    session: Any, variables: Mapping[str, str] = os.environ
) -> Mapping[str, str]:
    """The variables by which another process finds the services where a botocore session finds
    them: what the environment and the profile say, the former first."""
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return {}
    found = {
        name: value for name, value in variables.items() if name.startswith(ENDPOINT_URL) and value
    }
    if ENDPOINT_URL in found:  # before all that a profile says
        return found
    profile = session.get_scoped_config()
    services = session.full_config.get("services", {}).get(profile.get("services"), {})
    for service, settings in services.items():
        if isinstance(settings, Mapping) and settings.get("endpoint_url"):
            found.setdefault(f"{ENDPOINT_URL}_{service.upper()}", settings["endpoint_url"])
    return found | ({ENDPOINT_URL: profile["endpoint_url"]} if profile.get("endpoint_url") else {})


def is_sts_of_aws(url: str, default: str) -> bool:
    """Whether STS is at AWS: where botocore finds it by ``default``, or at another address that
    only AWS can have. A machine in AWS has one under amazonaws.com, too.

    https://docs.aws.amazon.com/general/latest/gr/sts.html,
    https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
    """
    bare = url.rstrip("/")
    return bare == default or _STS.fullmatch(bare) is not None


def is_same_server(one: str, other: str) -> bool:
    """Whether two URLs lead to the same server."""
    return urlsplit(one.lower())[:2] == urlsplit(other.lower())[:2]
