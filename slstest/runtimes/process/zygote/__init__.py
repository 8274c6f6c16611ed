"""The process that forks execution environments.

It is started once per run, as a program of its own and not as a fork of the test process, by
:mod:`slstest.runtimes.process.launcher`. It imports boto3 and awslambdaric, loads botocore's
service models, and then forks an environment in milliseconds whenever it is asked to.

The package runs under any Python that has awslambdaric and boto3, under the name ``zygote``,
so it imports nothing of slstest; the host shares :mod:`.wire` and :mod:`.processes`.
"""
