"""Write the table of the results that are kept: ``python tests/support/contract_columns``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])

from contract_columns import readme  # noqa: E402

readme.write()
