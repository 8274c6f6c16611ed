"""What every test of this repository shares.

``pytester`` runs pytest inside a test; only the top-level conftest may name it.
"""

from __future__ import annotations

pytest_plugins = ["pytester"]
