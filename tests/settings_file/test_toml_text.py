"""What our writer of TOML writes, Python's reader reads."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.settings_file import toml_text
from mailadmin.settings_file.lines import places

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_PLAIN = st.one_of(
    _TEXTS,
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
)


@given(_PLAIN | st.lists(_TEXTS))
def test_n14_whatever_is_written_is_read_back_the_same(value: Any) -> None:
    """N14."""
    read = tomllib.loads(toml_text.table("[t]", {"key": value, "after": 1}, ["a comment"]))
    assert read == {"t": {"key": value, "after": 1}}


def test_a_long_list_has_a_line_for_each_value():
    values = [f"{number}.example.org" for number in range(20)]
    assert toml_text.pair("hosts", values).count("\n") == 21


def test_a_certificate_keeps_its_lines():
    assert toml_text.pair("ca_pem", "-----BEGIN\nAAA\n-----END") == 'ca_pem = """\n-----BEGIN\nAAA\n-----END"""'


def test_what_toml_does_not_have_is_refused():
    with pytest.raises(TypeError, match="no dict"):
        toml_text.value_text({})


def test_the_line_of_each_key_is_found():
    text = """name = "x"

[settings]
retention_days = 3

[[smtp_connection]]
name = "A"
ca_pem = \"\"\"
host = "not a key"
[[neither]]
\"\"\"
"port" = 25  # comment
[[smtp_connection]]
name = "B"
"""
    found = places(text)
    assert found.of("", 0, "name") == 1
    assert found.of("settings", 0, "retention_days") == 4
    assert found.of("smtp_connection", 0, "port") == 12
    assert found.of("smtp_connection", 0, "host") == 6, "the head of the table stands in for a key that is not there"
    assert found.of("smtp_connection", 1, "name") == 14
    assert found.of("neither") is None


@given(
    st.lists(
        st.sampled_from(["[t]", "[[t]]", 'a = """', '"""', "b = 1", "'''", "[", "= 3", datetime.now(UTC).isoformat()])
    )
)
def test_any_lines_are_read_over_without_an_error(lines: list[str]) -> None:
    places("\n".join(lines))
