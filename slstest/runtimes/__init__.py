"""What executes handlers: the Protocol, and the runtimes that there are."""
