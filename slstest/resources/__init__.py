"""One module for each AWS resource: create it, act on it, expect of it, delete it."""
