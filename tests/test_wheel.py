"""The wheel carries everything, and works in an empty environment, in a new Django project that was set up as
docs/integrate.md says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
import pytest

from tests.integration_page import ROOT, block, blocks

# One process builds and installs for all of these tests; on a cold package cache that takes minutes.
pytestmark = [pytest.mark.timeout(600)]

NEW_DJANGO = django.VERSION >= (6, 1)
VISIT = """
import json, sys
import django
django.setup()
from django.contrib.auth.models import Group, User
from django.core.mail import send_mail
from django.test import Client
from django.utils import translation
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import explain

anonymous = Client(SERVER_NAME="localhost").get("/mail/")
user = User.objects.create_user("vera")
user.groups.add(Group.objects.get(name="Viewer"))
viewer = Client(SERVER_NAME="localhost")
viewer.force_login(user)
page = viewer.get("/mail/")
with translation.override("de"):
    german = [viewer.get("/mail/").content.decode(), explain(Fault(Phase.TCP, Kind.TIMEOUT, host="mx.example")).title]
try:
    send_mail("Hello", "A body", None, ["ann@example.org"])
    error = None
except Exception as raised:
    error = [type(raised).__name__, str(raised)]
print(json.dumps({
    "django": django.get_version(),
    "anonymous": [anonymous.status_code, anonymous.headers.get("Location")],
    "status": page.status_code,
    "page": page.content.decode(),
    "german": german,
    "forbidden": viewer.get("/mail/settings/").status_code,
    "error": error,
    "extras": sorted({"aiosmtpd", "environ", "whitenoise", "gunicorn", "config"} & set(sys.modules)),
}))
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Return what `command` prints; fail with everything it said."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "MAILADMIN", "PYTHON"))
    }
    result = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command} failed:\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that nothing is written into the checkout."""
    copy, built = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("built")
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():  # not one that was removed and is still in the index
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, cwd=copy)
    (found,) = built.glob("*.whl")
    return found


@dataclass(frozen=True)
class Project:
    """A Django project that somebody just started."""

    folder: Path
    python: Path

    def manage(self, *words: str, **environment: str) -> str:
        return run(self.python, "manage.py", *words, cwd=self.folder, **environment)


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Install into an empty environment, start a project and follow the page."""
    home = tmp_path_factory.mktemp("host")
    venv.create(home / "env", with_pip=True, symlinks=True)
    python = home / "env" / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "run.txt", cwd=home)
    run(*pip, "--no-deps", "--no-index", wheel, cwd=home)
    folder = home / "project"
    folder.mkdir()
    run(python, "-m", "django", "startproject", "shop", folder, cwd=home)
    made = Project(folder, python)
    _append(folder / "shop" / "settings.py", block("settings.py"))
    mailer = "settings.py, Django 6.1" if NEW_DJANGO else "settings.py, Django 5.2 and 6.0"
    _append(folder / "shop" / "settings.py", block(mailer))
    _append(folder / "shop" / "urls.py", block("urls.py"))
    for line in blocks("sh")[0].splitlines():
        made.manage(*line.removeprefix("python manage.py ").split())
    yield made
    shutil.rmtree(home / "env")  # some 100 MB that pytest would keep


def _append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(f"\n{text}")


@pytest.fixture(scope="module")
def visit(project: Project) -> Any:
    """Return what a visitor of the new project saw."""
    return json.loads(
        run(project.python, "-c", VISIT, cwd=project.folder, DJANGO_SETTINGS_MODULE="shop.settings").splitlines()[-1]
    )


def test_the_wheel_carries_templates_static_files_knowledge_types_and_migrations(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "mailadmin/py.typed",
        "mailadmin/core/knowledge.toml",
        "mailadmin/locale/de/LC_MESSAGES/django.mo",
        "mailadmin/migrations/0001_initial.py",
        "mailadmin/migrations/__init__.py",
    }
    for folder in ("templates", "static"):
        found = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert found
        wanted |= {f"mailadmin/{name}" for name in found}
    assert wanted <= names


def test_the_wheel_carries_neither_tests_nor_the_standalone_console(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mailadmin"}


def test_the_wheel_says_what_it_needs_and_under_which_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
        assert any(name.endswith("/LICENSE") for name in archive.namelist())
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert len(needed) == 7, needed
    assert "License-Expression: MIT" in metadata


def test_a_page_is_rendered_in_a_new_project(visit: Any) -> None:
    assert visit["status"] == 200
    assert "<h1>" in visit["page"]
    assert "Mail Admin" in visit["page"]
    assert visit["forbidden"] == 403


def test_page_and_errors_are_rendered_in_german_from_the_wheel(visit: Any) -> None:
    page, error = visit["german"]
    assert '<html lang="de"' in page
    assert "<h1>Übersicht</h1>" in page
    assert error == "mx.example hat nicht rechtzeitig geantwortet."


def test_the_new_project_has_the_django_of_this_run(visit: Any) -> None:
    assert visit["django"] == django.get_version()


def test_whoever_is_not_signed_in_is_led_to_the_projects_sign_in(visit: Any) -> None:
    assert visit["anonymous"] == [302, "/accounts/login/?next=/mail/"]


def test_send_mail_with_nothing_set_up_says_so(visit: Any) -> None:
    name, sentence = visit["error"]
    assert name == "ConfigurationError"
    assert sentence == (
        "No SMTP connection or OAuth service is enabled, so no mail can leave. Add one in the mailadmin console."
    )


def test_neither_console_nor_backend_needs_an_extra(visit: Any) -> None:
    assert visit["extras"] == []


def test_the_key_file_is_its_owners_alone(project: Project) -> None:
    assert (project.folder / "mailadmin.keys").stat().st_mode & 0o777 == 0o600


def test_check_has_nothing_to_say_of_us_also_before_deployment(project: Project) -> None:
    assert "mailadmin." not in project.manage("check", "--deploy", "--fail-level", "CRITICAL")
    assert "no issues" in project.manage("check", "--tag", "mailadmin")


def test_no_migration_is_missing_with_the_projects_own_settings(project: Project) -> None:
    project.manage("makemigrations", "--check", "--dry-run", "mailadmin")


def test_every_static_file_of_the_page_is_found(project: Project, visit: Any) -> None:
    names = set(re.findall(r'"/static/([^"?]+)', visit["page"]))
    assert {"mailadmin/console.css", "mailadmin/console.js"} < names
    found = project.manage("findstatic", "--first", *names)
    assert all(f"/{name}" in found for name in names), found
