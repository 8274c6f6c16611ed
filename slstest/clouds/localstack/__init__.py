"""The cloud ``localstack``: a LocalStack container of our own, or one that runs already.

What this package starts, it removes, however the process ends that asked for it. The rest of
slstest sees of it a URL: :mod:`slstest.clouds.endpoint` does everything behind that.
"""
