"""Deleting what runs that were killed have left behind: by their ledgers, and by tags."""
