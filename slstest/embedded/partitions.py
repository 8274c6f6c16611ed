"""The partitions of AWS, each with regions, accounts and ARNs of its own.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations


def partition_of(region: str) -> str:
    """The partition that moto's ARNs name in a region."""
    from moto.utilities.utils import get_partition

    return get_partition(region)


def regions() -> list[str]:
    """The regions that the embedded cloud can have: those that boto3 knows, without those of
    partitions of which moto does not know."""
    import boto3

    session = boto3.Session()
    return [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("lambda", partition_name=partition)
        if partition_of(region) == partition
    ]
