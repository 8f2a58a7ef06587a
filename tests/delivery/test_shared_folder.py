"""The folder beside a SQLite database, and doing without one (N7)."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from django.db import connection
from django.db.backends.sqlite3.base import DatabaseWrapper

from mailadmin.core import limits
from mailadmin.core.secret import Secret
from mailadmin.delivery.shared import folder as folders
from mailadmin.delivery.shared.files import FileShared
from mailadmin.delivery.shared.folder import Unusable, beside
from mailadmin.delivery.shared.installation import Installation
from mailadmin.transports.shared import Pace, SharedToken


def database(name: object) -> DatabaseWrapper:
    return DatabaseWrapper({**connection.settings_dict, "NAME": name})


def use(port: FileShared | Installation) -> None:
    """Use all that there is."""
    with port.lease("graph:app", 2, 1):
        port.book("robot@example.org", Pace(1, 10), 0)
        port.pause("robot@example.org", 1)
        port.keep_token("key", SharedToken(Secret("canary"), time.time() + 60))
        assert port.token("key") == SharedToken(Secret("canary"), pytest.approx(time.time() + 60, abs=50))


def test_the_folder_and_its_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite3-mailadmin").mkdir(mode=0o755)
    folder = beside(database(tmp_path / "a.sqlite3"))
    use(FileShared(folder))
    assert folder == tmp_path / "a.sqlite3-mailadmin"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["", ":memory:", "file:memorydb_default?mode=memory&cache=shared"])
def test_a_database_in_memory_has_no_folder(name: str) -> None:
    with pytest.raises(Unusable, match="in memory"):
        beside(database(name))


def test_what_belongs_to_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.sqlite3-mailadmin").symlink_to(tmp_path)
    with pytest.raises(Unusable, match="not a folder that belongs to the user"):
        beside(database(tmp_path / "link.sqlite3"))
    beside(database(tmp_path / "a.sqlite3"))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(Unusable, match="not a folder that belongs to the user"):
        beside(database(tmp_path / "a.sqlite3"))


def test_a_folder_that_cannot_be_made_is_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unusable, match=r"b\.sqlite3-mailadmin cannot be used \(Not a directory\)"):
        beside(database(tmp_path / "file" / "b.sqlite3"))


def test_a_system_without_file_locks_has_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "fcntl", None)
    with pytest.raises(Unusable, match="no file locks"):
        beside(database(tmp_path / "a.sqlite3"))


def test_damaged_files_count_as_none(tmp_path: Path) -> None:
    port = FileShared(tmp_path)
    use(port)
    for path in tmp_path.iterdir():
        path.write_bytes(b"\xff?")
    assert port.token("key") is None
    assert port.until_free("robot@example.org", Pace(1, 1)) == 0
    use(port)


def test_a_folder_that_is_removed_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "NAME", str(tmp_path / "a.sqlite3"))
    monkeypatch.setattr(limits, "SHARED_RETRY_SECONDS", 0)
    caplog.set_level(logging.INFO, "mailadmin.delivery")
    port = Installation()
    use(port)
    shutil.rmtree(tmp_path / "a.sqlite3-mailadmin")
    port.pause("robot@example.org", 1)
    use(port)
    assert (tmp_path / "a.sqlite3-mailadmin").is_dir()
    (line,) = caplog.messages
    assert line.endswith("cannot be reached (FileNotFoundError); this process keeps the limits alone.")


def test_another_kind_of_database_leaves_each_process_alone_and_that_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "vendor", "oracle")
    caplog.set_level(logging.INFO, "mailadmin.delivery")
    port = Installation()
    use(port)
    assert port.until_free("robot@example.org", Pace(1, 10)) > 0
    assert caplog.messages == [
        "Each process keeps the limits of Microsoft 365 for itself. The database oracle is not made for it."
    ]


@pytest.mark.parametrize(("name", "level"), [("taken.sqlite3", logging.WARNING), (":memory:", logging.INFO)])
def test_a_folder_that_somebody_can_mend_is_a_warning(
    name: str, level: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A command that ran as root once, for example, made it."""
    (tmp_path / "taken.sqlite3-mailadmin").touch()
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "NAME", name if name == ":memory:" else str(tmp_path / name))
    caplog.set_level(logging.INFO, "mailadmin.delivery")
    use(Installation())
    (record,) = caplog.records
    assert record.levelno == level
