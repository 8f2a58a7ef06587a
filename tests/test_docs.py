"""The Python in docs/integrate.md compiles, and what it imports is there."""

from __future__ import annotations

import ast

import pytest

from mailadmin import conf
from tests.integration_page import ROOT, block, blocks

PYTHON = blocks("python")


@pytest.mark.parametrize("code", PYTHON, ids=[code.splitlines()[0] for code in PYTHON])
def test_every_block_compiles_and_its_imports_exist(code: str) -> None:
    tree = ast.parse(code)
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(compile(ast.Module(imports, []), "docs/integrate.md", "exec"), {})


def test_the_table_of_settings_is_complete_and_right() -> None:
    values: dict[str, object] = {"BASE_DIR": ROOT}
    exec(
        block("settings.py: everything that MAILADMIN may hold, with its default unless the remark says otherwise"),
        values,
    )
    shown = values["MAILADMIN"]
    assert isinstance(shown, dict)
    assert set(shown) == set(conf._DEFAULTS)
    assert shown["NETWORK"] == {**conf._NETWORK_DEFAULTS, "PORTS": []}
    assert shown["SECRET_REFS"] == list(conf._DEFAULTS["SECRET_REFS"])
    for name in ("SANDBOX", "SANDBOX_FOLDER", "KEYS"):
        assert shown[name] == conf._DEFAULTS[name]
