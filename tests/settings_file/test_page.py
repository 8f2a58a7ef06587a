"""docs/settings-file.md: its example is a right file and shows every key with one of its choices."""

from __future__ import annotations

import re

import pytest

from mailadmin.settings_file.document import parse
from mailadmin.settings_file.tables import TABLES
from mailadmin.settings_file.values import Choice, Chosen
from tests.integration_page import ROOT

PAGE = (ROOT / "docs" / "settings-file.md").read_text("utf-8")
NOT_TOLD = {"client_type", "on_unsure", "second_kind", "proxy_kind"}  # one choice only, or told at an earlier table
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.django_db
def test_n14_the_example_can_be_applied(plan, monkeypatch):
    """N14."""
    for name in ("CONTOSO", "PROXY", "DONE"):
        monkeypatch.setenv(f"MAILADMIN_SECRET_{name}", "https://shop.example.org/done")
    found = plan(EXAMPLE.replace("file:/run/secrets/contoso-next", "env:MAILADMIN_SECRET_CONTOSO"))
    assert found.faults == []
    assert {step.table.name for step in found.steps} == {table.name for table in TABLES}


def test_n14_every_key_is_in_the_example(document):
    found = document(EXAMPLE)
    assert not found.faults
    shown = {(entry.table.name, name) for entry in found.entries for name in entry.given}
    missing = {(table.name, name) for table in TABLES for name in table.known} - shown
    # An SMTP connection in the example goes without a proxy, whose port has then no usual value to show.
    assert missing == {("smtp_connection", "proxy_port")}


def test_every_choice_is_told_beside_its_key():
    sections = {name: text for _, name, text in re.findall(r"^\[(\[?)(\w+)\]+\n(.*?)(?=^\[|\Z)", EXAMPLE, re.M | re.S)}
    for table in TABLES:
        lines = {line.partition(" ")[0]: line for line in sections[table.name].split("\n")}
        for key in table.keys:
            if not isinstance(key.sort, (Choice, Chosen)) or key.name not in lines:
                continue
            told = lines[key.name]
            assert all(str(one) in told for one in key.sort.choices) or key.name in NOT_TOLD, told


def test_the_exit_codes_are_those_of_the_commands():
    for command in ("mailadmin_export", "mailadmin_check", "mailadmin_plan", "mailadmin_apply", "mailadmin_import"):
        assert command in PAGE


def test_the_example_is_read_without_a_database(tmp_path):
    assert parse(EXAMPLE, "x.toml", tmp_path).name == "mail.toml"
