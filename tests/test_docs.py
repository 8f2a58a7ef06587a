"""The Python in docs/integrate.md compiles, and what it imports is there; the schedule in docs/queue.md is of use."""

from __future__ import annotations

import ast
import re

import pytest
from celery import current_app

import mailadmin.tasks
from mailadmin import conf
from mailadmin.core import limits
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


def test_the_schedule_for_celery_names_our_sweep_and_imports_nothing() -> None:
    """A project's Celery app is made while its settings are read: nothing of Django can be imported then."""
    (line,) = re.findall(
        r"^(CELERY_BEAT_SCHEDULE = .*)$", (ROOT / "docs" / "queue.md").read_text("utf-8"), re.MULTILINE
    )
    (entry,) = ast.literal_eval(line.partition(" = ")[2]).values()
    assert entry["task"] == mailadmin.tasks.sweep_outbox.name
    assert entry["task"] in current_app.tasks
    assert entry["schedule"] == entry["options"]["expires"]
    assert entry["schedule"] + limits.CLAIM_SECONDS < 60  # what a killed worker had is found within the minute
