from __future__ import annotations

from pathlib import Path

import pytest

from slstest import ConfigurationError
from slstest.functions.handler import check_handler
from slstest.functions.package import package


def check(folder: Path, handler: str, *, layers: bool = False) -> None:
    check_handler(package(folder), handler, asked="sls.function('f')", layers=layers)


def module(folder: Path, code: str) -> None:
    (folder / "app.py").write_text(code)


@pytest.mark.parametrize("handler", ["app.handler", "pkg.handler", "pkg.inner.handler"])
def test_a_handler_is_found_in_a_module_or_a_package(folder: Path, handler: str) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("from app import handler")
    (folder / "pkg" / "inner.py").write_text("async def handler(event, context): pass")
    check(folder, handler)
    check(folder, handler.replace(".inner", "/inner"))


@pytest.mark.parametrize("handler", ["app", ".handler", "app.", "", "."])
def test_a_malformed_handler_is_refused(folder: Path, handler: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is not of the form 'module\.function'"):
        check(folder, handler)


def test_a_missing_module_names_those_that_are_there(folder: Path) -> None:
    (folder / "util.py").write_text("")
    with pytest.raises(ConfigurationError) as raised:
        check(folder, "main.handler")
    assert str(raised.value) == (
        f"sls.function('f'): handler='main.handler' needs the module 'main', but {folder} has no "
        "main.py. Its Python files: app.py, util.py. Did you mean handler='app.handler'?"
    )


def test_a_module_that_is_left_out_as_a_test_says_so(folder: Path) -> None:
    (folder / "test_me.py").write_text("def handler(event, context): pass")
    with pytest.raises(ConfigurationError, match=r"test_me\.py is left out of the package"):
        check(folder, "test_me.handler")


def test_a_missing_function_names_those_that_are_there(folder: Path) -> None:
    module(folder, "import json\nLIMIT = 1\ndef handler(event, context): pass\ndef other(): pass")
    with pytest.raises(ConfigurationError) as raised:
        check(folder, "app.handlr")
    assert str(raised.value) == (
        f"sls.function('f'): {folder}/app.py has no 'handlr'. It defines the functions: handler, "
        "other. Did you mean handler='app.handler'?"
    )


@pytest.mark.parametrize(
    "code",
    [
        "handler = lambda event, context: None",
        "from elsewhere import handler",
        "from elsewhere import do_it as handler",
        "from elsewhere import *",
        "import handler",
        "class handler: pass",
        "if True:\n    def handler(event, context): pass",
        "try:\n    from fast import handler\nexcept ImportError:\n    handler = None",
        "handler: object = print",
        "first, handler = 1, print",
        "for handler in [print]: pass",
        "with open('x') as handler: pass",
        "def set_it():\n    global handler\n    handler = print",
        "globals()['handler'] = print",
        "import sys\nsetattr(sys.modules[__name__], 'handler', print)",
        "exec('def handler(event, context): pass')",
        "def __getattr__(name): return print",
        "match 1:\n    case handler: pass",
        "match [1]:\n    case [*handler]: pass",
        "match {}:\n    case {**handler}: pass",
        "(handler := print)",
        "def handler(:",
        "\x00",
    ],
)
def test_whatever_might_define_the_function_is_left_to_lambda(folder: Path, code: str) -> None:
    module(folder, code)
    check(folder, "app.handler")


def test_code_in_a_layer_is_left_to_lambda(folder: Path) -> None:
    check(folder, "framework.handler", layers=True)
    with pytest.raises(ConfigurationError, match="needs the module 'framework'"):
        check(folder, "framework.handler")


def test_compiled_modules_count(folder: Path) -> None:
    (folder / "fast.cpython-311-x86_64-linux-gnu.so").write_bytes(b"")
    check(folder, "fast.handler")


def test_a_zip_is_read_like_a_folder(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "function.zip"
    path.write_bytes(package(folder).content)
    check(path, "app.handler")
    with pytest.raises(ConfigurationError, match=r"function\.zip has no 'other'"):
        check(path, "app.other")


def test_a_handler_that_is_put_right_is_accepted(folder: Path) -> None:
    module(folder, "def other(): pass")
    with pytest.raises(ConfigurationError):
        check(folder, "app.handler")
    module(folder, "def handler(event, context): pass")
    check(folder, "app.handler")
