"""Kinesis data streams as AWS has them: shards, records, iterators and consumers of our own."""
