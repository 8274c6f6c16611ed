"""The variables that a LocalStack container gets: what makes tests fast, and the user's own.

https://docs.localstack.cloud/aws/customization/configuration-options/
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

FAST = {
    "DISABLE_EVENTS": "1",
    "DNS_ADDRESS": "0",
    "DYNAMODB_IN_MEMORY": "1",
    "KINESIS_LATENCY": "0",
    "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.1",
    "PROVIDER_OVERRIDE_DYNAMODB": "v2",
    "SKIP_SSL_CERT_DOWNLOAD": "1",
}
"""No telemetry, no name server, no certificate to download; a table in memory; a stream that is
ACTIVE at once."""

EXECUTOR = "LAMBDA_RUNTIME_EXECUTOR"
DOCKER_FLAGS = "LAMBDA_DOCKER_FLAGS"

_PREFIX = "LOCALSTACK_"
_SERVICES = (
    *("ACM_", "APIGATEWAY_", "APIGW_", "APPSYNC_", "ATHENA_", "BATCH_", "BIGDATA_", "CFN_"),
    *("CLOUDFRONT_", "COGNITO_", "DNS_", "DYNAMODB_", "EC2_", "ECR_", "ECS_", "EKS_", "EVENT_"),
    *("EVENTBRIDGE_", "GRAPHQL_", "IAM_", "KINESIS_", "KMS_", "LAMBDA_", "MWAA_", "NEPTUNE_"),
    *("OPENSEARCH_", "PROVIDER_OVERRIDE_", "RDS_", "REDSHIFT_", "S3_", "SES_", "SFN_", "SMTP_"),
    *("SNAPSHOT_", "SNS_", "SQS_", "STEPFUNCTIONS_"),
)
_CORE = frozenset(
    {
        *("ACTIVATE_PRO", "ALLOW_NONSTANDARD_REGIONS", "BOTO_WAITER_DELAY"),
        *("BOTO_WAITER_MAX_ATTEMPTS", "BUCKET_MARKER_LOCAL", "DEBUG", "DEBUG_HANDLER_CHAIN"),
        *("DISABLE_BOTO_RETRIES", "DISABLE_CORS_CHECKS", "DISABLE_CORS_HEADERS"),
        *("DISABLE_CUSTOM_CORS_APIGATEWAY", "DISABLE_CUSTOM_CORS_S3", "DISABLE_EVENTS"),
        *("EAGER_SERVICE_LOADING", "ENABLE_CONFIG_UPDATES", "ENFORCE_IAM"),
        *("EXTRA_CORS_ALLOWED_HEADERS", "EXTRA_CORS_ALLOWED_ORIGINS"),
        *("EXTRA_CORS_EXPOSE_HEADERS", "GATEWAY_SERVER", "GATEWAY_WORKER_COUNT"),
        *("GATEWAY_WORKER_THREAD_COUNT", "IN_MEMORY_CLIENT", "LS_LOG"),
        *("OPENAPI_VALIDATE_REQUEST", "OPENAPI_VALIDATE_RESPONSE", "OUTBOUND_HTTP_PROXY"),
        *("OUTBOUND_HTTPS_PROXY", "PARITY_AWS_ACCESS_KEY_ID", "PERSISTENCE", "SERVICES"),
        *("SKIP_INFRA_DOWNLOADS", "SKIP_SSL_CERT_DOWNLOAD", "STRICT_SERVICE_LOADING"),
        *("TF_COMPAT_MODE", "USE_SSL"),
    }
)
_NOT_INSIDE = frozenset(
    f"{prefix}{name}"
    for prefix in ("", _PREFIX)
    for name in ("CLI", "DOCKER_NAME", "HOST", "HOSTNAME", "GATEWAY_LISTEN", "VOLUME_DIR")
)
"""What is about the command line of LocalStack, or about where it is reached, which is ours."""


def container_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The container's environment: the fast settings, and over them what the user set."""
    theirs = {name: value for name, value in environ.items() if _is_setting(name)}
    plain = {name.removeprefix(_PREFIX) for name in theirs}
    ours = {name: value for name, value in FAST.items() if name not in plain}
    return dict(sorted({**ours, **theirs}.items()))


def with_labels(variables: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    """The same, with the containers of functions labelled by LocalStack."""
    name = _PREFIX + DOCKER_FLAGS if _PREFIX + DOCKER_FLAGS in variables else DOCKER_FLAGS
    given = [f"--label {shlex.quote(f'{label}={value}')}" for label, value in labels.items()]
    return {**variables, name: " ".join([variables.get(name, ""), *given]).strip()}


def runs_functions_in_docker(variables: Mapping[str, str]) -> bool:
    """Whether LocalStack needs the Docker daemon to run a function."""
    executor = variables.get(_PREFIX + EXECUTOR) or variables.get(EXECUTOR)
    return executor in (None, "", "docker")


def _is_setting(name: str) -> bool:
    if name in _NOT_INSIDE:
        return False
    return name in _CORE or name.startswith((_PREFIX, *_SERVICES))
