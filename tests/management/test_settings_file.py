"""N14, P11: the commands on settings files, with their exit codes."""

from __future__ import annotations

import builtins
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mailadmin.models import AuditEntry, Settings, SmtpConnection

pytestmark = pytest.mark.django_db
RELAY = '[[smtp_connection]]\nname = "Relay A"\nhost = "smtp.example.org"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mail.toml"
    path.write_text(RELAY)
    return path


def run(*args: Any) -> tuple[int, str, str]:
    """Call a command; return its exit code and what it wrote to the screen, and of errors."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*map(str, args), stdout=out, stderr=err)
    except SystemExit as error:
        return int(error.code or 0), out.getvalue(), err.getvalue()
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), err.getvalue()


class TestCheck:
    def test_a_right_file(self, file):
        assert run("mailadmin_check", file)[:2] == (0, f"{file} is right.\n")

    def test_n14_everything_that_is_wrong(self, file):
        file.write_text(RELAY + 'prot = 1\nsecurity = "x"\n')
        code, _, err = run("mailadmin_check", file)
        assert code == 1
        assert "2 things are to be put right" in err
        assert "line 4: smtp_connection “Relay A”, prot: There is no key “prot”. Did you mean “port”?" in err

    def test_for_programs(self, file):
        file.write_text(RELAY + "port = 0\n")
        code, out, _ = run("mailadmin_check", file, "--json")
        (fault,) = json.loads(out)["faults"]
        assert (code, fault["line"], fault["key"], fault["table"]) == (1, 4, "port", "smtp_connection")

    def test_a_file_that_is_not_there(self, tmp_path):
        assert run("mailadmin_check", tmp_path / "no.toml")[0] == 1


class TestPlan:
    def test_n14_what_would_change_and_nothing_is_changed(self, file):
        code, out, _ = run("mailadmin_plan", file)
        assert code == 2
        assert "+ create [[smtp_connection]] “Relay A”\n    name: Relay A\n    host: smtp.example.org" in out
        assert "1 to create, 0 to change, 0 to delete. Digest of this plan: " in out
        assert not SmtpConnection.objects.exists()

    def test_nothing_to_change(self, file):
        run("mailadmin_apply", file, "--yes")
        assert run("mailadmin_plan", file)[:2] == (0, "There is nothing to change.\n")

    def test_old_and_new_values(self, file):
        run("mailadmin_apply", file, "--yes")
        file.write_text(RELAY.replace("smtp.", "new.") + "pipelining = false\n")
        assert (
            "    host: smtp.example.org -> new.example.org\n    pipelining: true -> false\n"
            in run("mailadmin_plan", file)[1]
        )

    def test_for_programs(self, file):
        code, out, _ = run("mailadmin_plan", file, "--json")
        (step,) = json.loads(out)["steps"]
        assert (code, step["action"], step["keys"]["host"]) == (2, "create", ["", "smtp.example.org"])

    def test_a_wrong_file(self, file):
        file.write_text(RELAY + "port = 0\n")
        assert run("mailadmin_plan", file)[0] == 1


class TestApply:
    def test_n14_twice(self, file):
        code, out, _ = run("mailadmin_apply", file, "--non-interactive")
        assert (code, out.endswith("Applied.\n")) == (0, True)
        assert run("mailadmin_apply", file, "--yes")[:2] == (0, "There is nothing to change.\n")
        assert AuditEntry.objects.get().user_name == "mailadmin_apply mail.toml"

    @pytest.mark.parametrize(("answer", "code", "count"), [("y", 0, 1), ("", 3, 0), ("no", 3, 0), (None, 3, 0)])
    def test_it_asks(self, file, monkeypatch, answer, code, count):
        def person(_: str) -> str:
            if answer is None:
                raise EOFError  # nobody is there
            return answer

        monkeypatch.setattr(builtins, "input", person)
        assert run("mailadmin_apply", file)[0] == code
        assert SmtpConnection.objects.count() == count

    def test_only_the_plan_that_was_agreed_to(self, file):
        digest = json.loads(run("mailadmin_plan", file, "--json")[1])["digest"]
        file.write_text(RELAY.replace("smtp.", "evil."))
        code, _, err = run("mailadmin_apply", file, "--yes", "--plan-digest", digest)
        assert (code, "was changed since this plan was made" in err) == (3, True)
        file.write_text(RELAY)
        assert run("mailadmin_apply", file, "--yes", "--plan-digest", digest)[0] == 0

    def test_a_wrong_file(self, file):
        file.write_text(RELAY + "port = 0\n")
        assert run("mailadmin_apply", file, "--yes")[0] == 1
        assert not SmtpConnection.objects.exists()

    def test_release_with_and_without_the_file(self, file):
        run("mailadmin_apply", file, "--yes")
        file.unlink()
        assert run("mailadmin_apply", "mail.toml", "--release")[:2] == (
            0,
            "1 given back to the console, as they stand.\n",
        )
        assert run("mailadmin_apply", "mail.toml", "--release")[0] == 1


class TestExport:
    def test_p11_to_the_screen_and_to_a_file(self, file, tmp_path):
        run("mailadmin_apply", file, "--yes")
        screen = run("mailadmin_export")[1]
        target = tmp_path / "out.toml"
        assert run("mailadmin_export", target)[0] == 0
        assert target.read_text() == screen
        assert RELAY in screen

    def test_nothing_is_written_over_by_mistake(self, file):
        code, _, err = run("mailadmin_export", file)
        assert (code, "exists already" in err, file.read_text()) == (1, True, RELAY)
        assert run("mailadmin_export", file, "--force")[0] == 0
        assert file.read_text() != RELAY

    def test_where_nothing_can_be_written(self, tmp_path):
        assert run("mailadmin_export", tmp_path / "no" / "out.toml")[0] == 1

    def test_a_fresh_installation(self):
        assert run("mailadmin_export")[1].endswith("[settings]\n")
        assert Settings.objects.count() == 1
