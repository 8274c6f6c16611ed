"""The examples of the README are run as they stand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S
)


def test_the_readme_shows_both_styles() -> None:
    assert [("pytest.mark" in example) for example in EXAMPLES] == [False, True]


@pytest.mark.parametrize("example", EXAMPLES, ids=["fixture-style", "marker-style"])
def test_an_example_of_the_readme_passes(pytester: pytest.Pytester, example: str) -> None:
    shutil.copytree(
        ROOT / "sample_functions" / "click_processor",
        pytester.path / "sample_functions" / "click_processor",
    )
    pytester.makepyfile(example)

    result = pytester.runpytest_subprocess("--sls", f"--ignore={pytester.path}/sample_functions")

    result.assert_outcomes(passed=1)


def test_every_option_is_in_the_readme(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_subprocess("--help").stdout.str()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    options = set(re.findall(r"^  (--(?:no-)?sls[a-z-]*)", text, re.M))
    assert "--sls" in options
    assert {option for option in options if option not in readme} == set()
