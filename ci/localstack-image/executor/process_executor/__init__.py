"""Runs Lambda functions as processes inside the LocalStack container.

As shipped, LocalStack runs each function in a container of its own, from an image that it pulls.
``LAMBDA_RUNTIME_EXECUTOR=process`` has it use this package instead. It is test equipment: it
stands for LocalStack's own executor, whose documents and log lines it therefore gives, also
where AWS's differ.
"""

from __future__ import annotations

from typing import Any

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """How LocalStack finds the executor, by its name."""

    name = "process"

    def load(self, *args: Any, **kwargs: Any) -> Any:
        """Import it only where it is chosen."""
        from process_executor.executor import ProcessExecutor

        return ProcessExecutor
