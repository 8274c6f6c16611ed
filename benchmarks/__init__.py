"""What the numbers in the README come from: ``python -m benchmarks.end_to_end``."""
