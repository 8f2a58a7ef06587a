"""P9: only the variables and files that the deployment lists can be named."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.references import DEFAULT_ALLOWED, Reference, allowed, parse

few = settings(max_examples=80, deadline=None)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("env:MAILADMIN_SECRET_RELAY", Reference("env", "MAILADMIN_SECRET_RELAY")),
        ("  env:_x1 ", Reference("env", "_x1")),
        ("file:/run/secrets/relay", Reference("file", "/run/secrets/relay")),
        ("file:/run/secrets/with space", Reference("file", "/run/secrets/with space")),
    ],
)
def test_a_reference_is_recognised_and_written_as_it_was_typed(text: str, reference: Reference) -> None:
    assert parse(text) == reference
    assert str(reference) == text.strip()


NO_VARIABLES = ["", "secret", "env:", "env:1X", "env:A B", "env:A-B", "ENV:A", "my env:A"]
NO_FILES = ["file:", "file:relative", "file:/", "file:/a\nb"]


@pytest.mark.parametrize("text", [*NO_VARIABLES, *NO_FILES])
def test_anything_else_is_a_secret_itself(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("MAILADMIN_SECRET_RELAY", True),
        ("MAILADMIN_SECRET_", True),
        ("MAILADMIN_KEYS", False),
        ("mailadmin_secret_relay", False),
        ("SECRET_KEY", False),
        ("X_MAILADMIN_SECRET_RELAY", False),
    ],
)
def test_variables_by_default(name: str, fine: bool) -> None:
    assert allowed(Reference("env", name), DEFAULT_ALLOWED) is fine


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("/run/secrets/relay", True),
        ("/run/secrets/team/relay", True),
        ("/run/secrets/./relay", True),
        ("/run/secrets", False),
        ("/run/secrets-of-others/relay", False),
        ("/run/secrets/../shadow", False),
        ("/run/secrets/../../etc/passwd", False),
        ("/etc/passwd", False),
        ("//run/secrets/relay", False),
    ],
)
def test_files_by_default(path: str, fine: bool) -> None:
    assert allowed(Reference("file", path), DEFAULT_ALLOWED) is fine


def test_one_file_alone_can_be_allowed() -> None:
    only = ["file:/etc/mail/password"]
    assert allowed(Reference("file", "/etc/mail/password"), only)
    assert allowed(Reference("file", "/etc/mail/../mail/password"), only)
    assert not allowed(Reference("file", "/etc/mail/password2"), only)
    assert not allowed(Reference("file", "/etc/mail/password/x"), only)


def test_one_variable_alone_can_be_allowed_and_an_empty_list_allows_nothing() -> None:
    assert allowed(Reference("env", "RELAY"), ["env:RELAY"])
    assert not allowed(Reference("env", "RELAY2"), ["env:RELAY"])
    assert not allowed(Reference("env", "RELAY"), ["RELAY", "file:RELAY"])
    assert not allowed(Reference("env", "RELAY"), [])


@given(st.text(alphabet="ab./ ", max_size=25))
@few
def test_no_path_leads_out_of_the_folder(rest: str) -> None:
    path = f"/run/secrets/{rest}"
    if allowed(Reference("file", path), ["file:/run/secrets/"]):
        assert posixpath.normpath(path).startswith("/run/secrets/")


@given(st.text(max_size=30))
@few
def test_every_text_is_a_reference_or_not(text: str) -> None:
    found = parse(text)
    if found:
        assert parse(str(found)) == found
        assert "\n" not in found.name
