"""The subcommands of ``slstest``, one module each: its arguments, and what it does."""
