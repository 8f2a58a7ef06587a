"""A database that was copied or restored starts held, until somebody confirms that it belongs here (N9)."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections, transaction

from mailadmin.core.errors import SendingHeld
from mailadmin.delivery import generation, guard, routes
from mailadmin.delivery.preferences import preferences
from mailadmin.delivery.send import send_message
from mailadmin.models import Settings

from .conftest import Peers, a_message

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_file(settings: Any, tmp_path: Path) -> Path:
    """Count in a folder of this test."""
    settings.MAILADMIN = settings.MAILADMIN | {"GENERATION_FILE": tmp_path / "generation"}
    path = generation.file()
    assert path is not None
    assert path.parent == tmp_path
    return path


def bound() -> Settings:
    return Settings.objects.get(pk=1)


def objection() -> str:
    """What every message hears now."""
    return routes.current().preferences.objection


def bind() -> int:
    Settings.load()
    guard.advance()
    return bound().generation


def an_hour_passes(path: Path) -> None:
    hours_ago = time.time() - 2 * 60 * 60
    os.utime(path, (hours_ago, hours_ago))


def set_back(hours: int = 1) -> None:
    Settings.objects.filter(pk=1).update(generation=bound().generation - hours)


class TestBinding:
    def test_n9_a_new_database_is_bound_without_a_word(self, own_file: Path, settings: Any) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "production"}
        assert bind() > 0
        assert generation.read(own_file) == bound().generation
        assert own_file.stat().st_mode & 0o777 == 0o600
        assert bound().environment == "production"
        assert objection() == ""

    def test_n9_it_counts_once_an_hour_the_database_and_the_file(
        self, own_file: Path, django_capture_on_commit_callbacks: Any
    ) -> None:
        begun = bind()
        guard.advance()
        assert bound().generation == begun
        for hours in (1, 2):
            an_hour_passes(own_file)
            with django_capture_on_commit_callbacks(execute=True):
                guard.advance()
            guard.advance()
            assert bound().generation == begun + hours
            assert generation.read(own_file) == begun + hours
        assert objection() == ""

    def test_n9_a_count_that_is_rolled_back_leaves_the_file(self, own_file: Path) -> None:
        begun = bind()
        an_hour_passes(own_file)
        with transaction.atomic():
            guard.advance()
            transaction.set_rollback(True)
        assert (bound().generation, generation.read(own_file)) == (begun, begun)

    def test_n9_the_file_follows_a_database_that_another_host_counted_on(self, own_file: Path) -> None:
        set_back(-bind() - 1 + bind())  # one ahead
        assert objection() == ""
        guard.advance()
        assert generation.read(own_file) == bound().generation

    def test_n9_without_a_file_only_the_name_is_written(self, settings: Any) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"GENERATION_FILE": None, "ENVIRONMENT": "production"}
        assert bind() == 0
        assert bound().environment == "production"
        assert objection() == ""

    def test_n9_a_folder_that_cannot_be_written_guards_by_the_name_alone(self, settings: Any) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"GENERATION_FILE": "/nowhere/at/all/generation"}
        assert bind() == 0
        Settings.objects.update(generation=7)
        assert objection() == ""

    def test_n9_each_database_has_a_file_of_its_own(self, own_file: Path) -> None:
        """A test database beside the real one must not count for it."""
        assert own_file.name == f"generation.{Path(connection.settings_dict['NAME']).name}"

    def test_n9_who_never_starts_a_worker_has_the_name_from_the_migrations(self, settings: Any) -> None:
        Settings.load()
        settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "production"}
        guard.name_database("default", apps)
        assert bound().environment == "production"
        settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "staging"}
        guard.name_database("default", apps)
        assert bound().environment == "production"

    def test_n9_the_daily_command_counts_too(self, own_file: Path) -> None:
        call_command("mailadmin_prune")
        assert generation.read(own_file) == bound().generation > 0

    @pytest.mark.django_db(transaction=True)
    def test_n9_many_who_bind_at_once_agree(self, own_file: Path) -> None:
        Settings.load()
        start = threading.Barrier(6)

        def one() -> None:
            start.wait()
            guard.advance()
            connections.close_all()

        threads = [threading.Thread(target=one) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert generation.read(own_file) == bound().generation > 0
        assert objection() == ""
        assert [path.name for path in own_file.parent.iterdir()] == [own_file.name]


class TestObjections:
    def test_n9_a_copy_in_another_environment_sends_nothing(self, settings: Any, peers: Peers, smtp: Any) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "production"}
        bind()
        assert send_message(a_message()).sent
        settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "staging"}
        routes.forget()  # another process
        assert "“production”" in objection()
        with pytest.raises(SendingHeld, match="“staging”"):
            send_message(a_message())
        assert len(peers.arrived) == 1

    def test_n9_a_restored_backup_is_noticed_with_the_next_message(self, own_file: Path) -> None:
        """Also by a process that runs: the version may be the same as before."""
        bind()
        an_hour_passes(own_file)
        guard.advance()
        generation.write(own_file, bound().generation)
        assert objection() == ""
        set_back()
        assert "backup" in objection()

    def test_n9_a_copy_comes_without_the_file(self, own_file: Path) -> None:
        bind()
        own_file.unlink()
        assert "another place" in preferences(bound()).objection
        guard.advance()  # is no confirmation
        assert not own_file.exists()

    def test_n9_the_sweep_tells_every_process_that_the_file_is_gone(self, own_file: Path) -> None:
        bind()
        assert objection() == ""
        own_file.unlink()
        guard.advance()
        assert "another place" in objection()
        version = bound().version
        guard.advance()
        assert bound().version == version

    def test_n9_a_damaged_file_knows_nothing(self, own_file: Path) -> None:
        bind()
        own_file.write_text("what?")
        assert "another place" in preferences(bound()).objection

    def test_n9_nothing_is_counted_while_there_is_an_objection(self, own_file: Path) -> None:
        begun = bind()
        set_back()
        an_hour_passes(own_file)
        guard.advance()
        assert (bound().generation, generation.read(own_file)) == (begun - 1, begun)

    @pytest.mark.django_db(transaction=True)
    def test_n9_a_transaction_that_began_before_the_count_is_no_restored_backup(self, own_file: Path) -> None:
        """It shows what was; a look on another connection tells."""
        old = bound() if bind() else Settings()
        an_hour_passes(own_file)
        guard.advance()
        assert guard.objection(old) == ""
        assert guard.objection(bound()) == ""

    def test_n9_no_form_and_no_save_writes_the_count_back(self, own_file: Path, settings: Any) -> None:
        bind()
        row = bound()
        set_back(-1)
        row.retention_days = 9
        row.save()
        assert (bound().generation, bound().retention_days) == (row.generation + 1, 9)


class TestConfirmation:
    def test_n9_one_confirmation_lets_mail_leave_in_every_process(
        self, settings: Any, own_file: Path, peers: Peers, smtp: Any
    ) -> None:
        settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "production"}
        bind()
        settings.MAILADMIN = settings.MAILADMIN | {"ENVIRONMENT": "staging"}
        own_file.unlink()
        routes.forget()
        assert objection()
        assert "“production”" in guard.confirm()
        assert objection() == ""
        assert bound().environment == "staging"
        assert generation.read(own_file) == bound().generation
        assert send_message(a_message()).sent

    def test_n9_there_is_nothing_to_confirm_where_nothing_objects(self, own_file: Path) -> None:
        begun = bind()
        assert guard.confirm() == ""
        assert bound().generation == begun

    def test_n9_the_next_copy_must_be_confirmed_again(self, own_file: Path) -> None:
        copied = bind()
        own_file.unlink()
        guard.confirm()
        Settings.objects.update(generation=copied + 24)  # the copy of the next night
        assert preferences(bound()).objection
        assert guard.confirm()
        assert not preferences(bound()).objection
