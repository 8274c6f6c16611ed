"""The function under test: its package, its deployment, its triggers."""
