"""Secrets at rest: bound to their place, readable with every key of the ring, clear about a wrong key."""

from __future__ import annotations

import pytest

from mailadmin.core.keyring import CannotOpen, KeyRing, key_id, new_key

CONTEXT = "smtpconnection:0b5c:password"


@pytest.fixture
def old() -> str:
    return new_key()


def test_a_value_is_read_back_where_it_was_sealed(old: str) -> None:
    ring = KeyRing([old])
    for value in ("", "pässwörd", "x" * 5000):
        assert ring.open(CONTEXT, ring.seal(CONTEXT, value)) == value


def test_a_sealed_value_shows_its_version_and_key_but_not_itself(old: str) -> None:
    sealed = KeyRing([old]).seal(CONTEXT, "canary")
    assert sealed.startswith(f"v1:{key_id(old)}:")
    assert "canary" not in sealed
    assert CONTEXT not in sealed


def test_the_same_value_never_looks_the_same(old: str) -> None:
    ring = KeyRing([old])
    assert ring.seal(CONTEXT, "x") != ring.seal(CONTEXT, "x")


@pytest.mark.parametrize(
    "elsewhere", ["smtpconnection:0b5c:other", "smtpconnection:ffff:password", "integratedservice:0b5c:password"]
)
def test_a_value_that_was_moved_does_not_open(old: str, elsewhere: str) -> None:
    ring = KeyRing([old])
    with pytest.raises(CannotOpen, match="belongs to another entry"):
        ring.open(elsewhere, ring.seal(CONTEXT, "x"))


def test_the_first_key_seals_and_all_open(old: str) -> None:
    new = new_key()
    sealed = KeyRing([old]).seal(CONTEXT, "x")
    rotated = KeyRing([new, old])
    assert rotated.current == key_id(new)
    assert rotated.open(CONTEXT, sealed) == "x"
    assert KeyRing([new]).open(CONTEXT, rotated.seal(CONTEXT, "x")) == "x"


def test_a_key_that_is_not_there_is_named_and_the_way_out_told(old: str) -> None:
    sealed = KeyRing([old]).seal(CONTEXT, "canary")
    with pytest.raises(CannotOpen) as refused:
        KeyRing([new_key()]).open(CONTEXT, sealed)
    assert key_id(old) in str(refused.value)
    assert "key file" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_a_key_id_that_lies_is_no_way_in(old: str) -> None:
    new = new_key()
    sealed = KeyRing([old]).seal(CONTEXT, "x").replace(key_id(old), key_id(new))
    with pytest.raises(CannotOpen, match="damaged"):
        KeyRing([new]).open(CONTEXT, sealed)


@pytest.mark.parametrize(
    "damage", ["", "x", "v1", "v1:", "v1::", "v2:{id}:abc", "v1:{id}:", "v1:{id}:äöü", "v1:{id}:abc"]
)
def test_a_damaged_value_is_a_clear_error_and_never_an_empty_password(old: str, damage: str) -> None:
    with pytest.raises(CannotOpen, match="damaged"):
        KeyRing([old]).open(CONTEXT, damage.format(id=key_id(old)))


def test_a_changed_letter_is_noticed(old: str) -> None:
    sealed = KeyRing([old]).seal(CONTEXT, "x")
    place = len(sealed) - 20
    changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
    with pytest.raises(CannotOpen):
        KeyRing([old]).open(CONTEXT, changed)


@pytest.mark.parametrize("key", ["", "too short", "ä" * 44, "!" * 44])
def test_what_is_no_key_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="not a Fernet key") as refused:
        KeyRing([key])
    assert not key or key not in str(refused.value)


def test_a_ring_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="no encryption key"):
        KeyRing([])


def test_the_name_of_a_key_says_nothing_of_the_key(old: str) -> None:
    assert len(key_id(old)) == 8
    assert key_id(old) not in old
