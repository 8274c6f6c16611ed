#!/bin/sh
# What the official image does at its start: the user's boot scripts, then LocalStack for good.
set -e
venv=/opt/code/localstack/.venv
"$venv/bin/python3" -m localstack.runtime.init BOOT
exec "$venv/bin/python3" "$venv/bin/localstack-supervisor"
