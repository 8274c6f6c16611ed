"""The contract suite on several clouds, and the table of what passes where.

A column is a cloud and the place where its functions run; a rule is a test function of
``tests/contract``, which holds in a column if the test passes there with all its parameters.
"""
