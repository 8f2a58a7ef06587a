"""Django's system checks say what is set up wrongly, each with an id of its own, and are quiet otherwise.

Only the tests of what the database says may use it, so none of the other checks does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.core import checks, mail
from django.test import override_settings
from django.utils import timezone

from mailadmin.checks import BACKEND
from mailadmin.core.keyring import new_key
from mailadmin.models import Worker
from tests.models.rows import connection

NEW_DJANGO = django.VERSION >= (6, 1)


@pytest.fixture(autouse=True)
def sane_project(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set up a project with nothing to complain of, outside Django's test environment."""
    monkeypatch.delattr(mail, "outbox", raising=False)
    monkeypatch.delenv("MAILADMIN_KEYS", raising=False)
    settings.DEBUG = False
    settings.MAILADMIN = {"KEY_FILE": key_file(tmp_path / "keys")}
    settings.MEDIA_ROOT = str(tmp_path / "media")
    with sending_by(BACKEND):
        yield


def key_file(path: Path, text: str | None = None, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(new_key() + "\n" if text is None else text)
    path.chmod(mode)
    return path


def sending_by(path: str) -> override_settings:
    if NEW_DJANGO:
        return override_settings(MAILERS={"default": {"BACKEND": path}})
    return override_settings(EMAIL_BACKEND=path)


def found(deploy: bool = True) -> dict[str, checks.CheckMessage]:
    messages = checks.run_checks(tags=["mailadmin"], include_deployment_checks=deploy)
    return {message.id.removeprefix("mailadmin."): message for message in messages}


def test_a_sane_project_hears_nothing_also_before_deployment() -> None:
    assert found() == {}


def test_every_message_has_a_sentence_and_a_way_out(settings: Any, tmp_path: Path) -> None:
    settings.MAILADMIN = {"SANDBOX": True}
    settings.MIDDLEWARE, settings.TEMPLATES = [], []
    messages = found()
    assert set(messages) == {"E001", "E009", "E014", "E015", "E016", "W010"}
    for message in messages.values():
        assert message.msg[0].isupper() or message.msg.startswith("mailadmin ")
        assert message.msg.endswith(".")
        assert message.hint


def test_e001_no_key(settings: Any) -> None:
    settings.MAILADMIN = {}
    assert "no encryption key" in found()["E001"].msg


def test_e001_a_key_file_that_is_not_there(settings: Any, tmp_path: Path) -> None:
    settings.MAILADMIN = {"KEY_FILE": tmp_path / "elsewhere"}
    assert "cannot be read" in found()["E001"].msg


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("no key at all", "not a Fernet key"), ("", "is empty"), ("# only a remark\n", "is empty")],
)
def test_e001_a_damaged_key_file(settings: Any, tmp_path: Path, text: str, sentence: str) -> None:
    settings.MAILADMIN = {"KEY_FILE": key_file(tmp_path / "damaged", text)}
    assert sentence in found()["E001"].msg
    assert "no key at all" not in found()["E001"].msg


def test_e001_a_key_file_that_is_not_text(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    settings.MAILADMIN = {"KEY_FILE": tmp_path / "binary"}
    assert "not text" in found()["E001"].msg


def test_a_key_file_may_hold_remarks_and_empty_lines(settings: Any, tmp_path: Path) -> None:
    settings.MAILADMIN = {"KEY_FILE": key_file(tmp_path / "old", f"# of 2026\n\n  {new_key()}\n  # older\n{new_key()}")}
    assert found() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"KEYFILE": "/keys"},
        {"NETWORK": {"ALLOW_ALL": True}},
        {"NETWORK": {"PORTS": 25}},
        {"NETWORK": None},
        {"MANAGED_IDENTITY": "False"},
        {"ENVIRONMENT": None},
        {"ENVIRONMENT": "x" * 81},
        "KEY_FILE",
        None,
    ],
)
def test_e002_entries_that_do_not_exist_or_have_the_wrong_type(settings: Any, wrong: Any) -> None:
    settings.MAILADMIN = wrong
    assert set(found()) == {"E002"}


@pytest.mark.parametrize(
    ("number", "app"),
    [
        ("E003", "lucide"),
        ("E004", "django_htmx"),
        ("E005", "django.contrib.sessions"),
        ("E006", "django.contrib.messages"),
        ("E008", "django.contrib.staticfiles"),
    ],
)
def test_an_app_that_the_console_needs(settings: Any, number: str, app: str) -> None:
    with override_settings(INSTALLED_APPS=[name for name in settings.INSTALLED_APPS if name != app]):
        messages = found()
    assert set(messages) == {number}
    assert f'"{app}"' in str(messages[number].hint)


def test_a_project_that_only_sends_needs_nothing_of_the_console(settings: Any) -> None:
    settings.MIDDLEWARE = []
    settings.TEMPLATES = []
    assert "mailadmin.E014" in {message.id for message in checks.run_checks(tags=["mailadmin"])}
    settings.ROOT_URLCONF = "tests.test_checks"
    assert not checks.run_checks(tags=["mailadmin"])


urlpatterns: list[Any] = []  # addresses of a project without the console


def test_e009_templates_inside_apps_are_not_found(settings: Any) -> None:
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"APP_DIRS": False}]
    assert set(found()) == {"E009"}


def test_loaders_that_are_named_one_by_one_are_fine(settings: Any) -> None:
    loaders = [("django.template.loaders.cached.Loader", ["django.template.loaders.app_directories.Loader"])]
    options = settings.TEMPLATES[0]["OPTIONS"] | {"loaders": loaders}
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"APP_DIRS": False, "OPTIONS": options}]
    assert found() == {}


@pytest.mark.parametrize(("number", "name"), [("E011", "request"), ("E012", "auth"), ("E013", "messages")])
def test_a_context_processor_that_the_console_needs(settings: Any, number: str, name: str) -> None:
    kept = [path for path in settings.TEMPLATES[0]["OPTIONS"]["context_processors"] if not path.endswith("." + name)]
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"OPTIONS": {"context_processors": kept}}]
    assert set(found()) == {number}


@pytest.mark.parametrize(
    ("number", "name"),
    [("E014", "SessionMiddleware"), ("E015", "AuthenticationMiddleware"), ("E016", "MessageMiddleware")],
)
def test_a_middleware_that_the_console_needs(settings: Any, number: str, name: str) -> None:
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if not path.endswith(name)]
    assert set(found()) == {number}


def test_w002_no_mailer_of_the_project_is_ours() -> None:
    with sending_by("django.core.mail.backends.smtp.EmailBackend"):
        assert set(found()) == {"W002"}


def test_w002_is_silent_in_a_test_run_where_django_keeps_the_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    with sending_by("django.core.mail.backends.locmem.EmailBackend"):
        assert found() == {}


def test_a_backend_made_from_ours_counts_as_ours() -> None:
    with sending_by("tests.test_checks.Ours"):
        assert found() == {}


def test_a_backend_that_cannot_be_imported_is_left_to_django() -> None:
    with sending_by("nowhere.Backend"):
        assert set(found()) == {"W002"}


if NEW_DJANGO:  # MAILERS came with 6.1

    def test_one_mailer_among_several_is_enough() -> None:
        smtp = {"BACKEND": "django.core.mail.backends.smtp.EmailBackend"}
        ours = {"BACKEND": BACKEND, "OPTIONS": {"label": "shop"}}
        with override_settings(MAILERS={"default": smtp, "console": ours}):
            assert found() == {}

else:

    def test_mailers_of_a_newer_django_are_not_looked_at_by_an_older_one() -> None:
        with (
            sending_by("django.core.mail.backends.smtp.EmailBackend"),
            override_settings(MAILERS={"default": {"BACKEND": BACKEND}}),
        ):
            assert set(found()) == {"W002"}


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o644, 0o602])
def test_w001_a_key_file_that_everybody_may_read_or_change(settings: Any, tmp_path: Path, mode: int) -> None:
    settings.MAILADMIN = {"KEY_FILE": key_file(tmp_path / "open", mode=mode)}
    assert set(found()) == {"W001"}


def test_a_key_file_of_the_web_servers_group_is_fine(settings: Any, tmp_path: Path) -> None:
    settings.MAILADMIN = {"KEY_FILE": key_file(tmp_path / "group", mode=0o640)}
    assert found() == {}


@pytest.mark.parametrize("place", ["MEDIA_ROOT", "STATIC_ROOT", "STATICFILES_DIRS"])
def test_e010_a_key_file_in_a_folder_that_the_web_server_gives_out(settings: Any, tmp_path: Path, place: str) -> None:
    folder = tmp_path / "public"
    settings.MAILADMIN = {"KEY_FILE": key_file(folder / "keys")}
    setattr(settings, place, [("own", folder)] if place == "STATICFILES_DIRS" else folder)
    messages = found()
    assert set(messages) == {"E010"}
    assert place in messages["E010"].msg


def test_e010_is_not_fooled_by_a_symbolic_link(settings: Any, tmp_path: Path) -> None:
    key_file(tmp_path / "media" / "keys")
    (tmp_path / "link").symlink_to(tmp_path / "media")
    settings.MAILADMIN = {"KEY_FILE": tmp_path / "link" / "keys"}
    assert set(found()) == {"E010"}


@pytest.mark.parametrize("token", ["too-short", 7, None, "with a space in the middle", "ütterly-öther-letters"])
def test_e002_a_token_for_monitors_that_is_none(settings: Any, token: object) -> None:
    settings.MAILADMIN |= {"METRICS_TOKEN": token}
    messages = found()
    assert set(messages) == {"E002"}
    assert "METRICS_TOKEN" in messages["E002"].msg
    assert str(token) not in messages["E002"].msg


@pytest.mark.parametrize("reference", ["env:NOT_SET_ANYWHERE", "file:/nowhere/at/all"])
def test_e002_a_reference_that_leads_to_no_token_for_monitors(settings: Any, reference: str) -> None:
    settings.MAILADMIN |= {"METRICS_TOKEN": reference}
    assert set(found()) == {"E002"}


@pytest.mark.parametrize("way", ["celery", ""])
def test_e020_is_quiet_where_queued_messages_can_be_announced(settings: Any, way: str) -> None:
    settings.MAILADMIN |= {"QUEUE_WAKE": way}
    assert found() == {}


@pytest.mark.parametrize("way", ["pigeon", None, 7])
def test_e020_an_unknown_task_queue(settings: Any, way: object) -> None:
    settings.MAILADMIN |= {"QUEUE_WAKE": way}
    assert set(found()) == {"E020"}


def test_e020_a_task_queue_that_is_not_installed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MAILADMIN |= {"QUEUE_WAKE": "tasks"}
    assert set(found()) == (set() if django.VERSION >= (6, 0) else {"E020"})
    settings.MAILADMIN |= {"QUEUE_WAKE": "celery"}
    monkeypatch.setitem(sys.modules, "celery", None)  # as where it cannot be imported
    messages = found()
    assert "mailadmin[celery]" in messages["E020"].hint


def test_w003_a_folder_in_which_the_age_of_the_database_cannot_be_counted_along(settings: Any, tmp_path: Path) -> None:
    settings.MAILADMIN |= {"GENERATION_FILE": tmp_path / "missing" / "generation"}
    assert set(found()) == {"W003"}
    for meant in (None, tmp_path / "generation", ""):
        settings.MAILADMIN |= {"GENERATION_FILE": meant}
        assert found() == {}


def test_w010_the_sandbox_on_a_production_site(settings: Any) -> None:
    settings.MAILADMIN |= {"SANDBOX": True}
    assert set(found()) == {"W010"}
    assert found(deploy=False) == {}
    settings.DEBUG = True
    assert "W010" not in found()


def __getattr__(name: str) -> Any:
    # Made when it is asked for: the backend can be imported only when Django's apps are ready.
    if name == "Ours":
        from mailadmin.backends import EmailBackend

        return type("Ours", (EmailBackend,), {})
    raise AttributeError(name)


@pytest.mark.parametrize("values", [{"DELIVERY": "later"}, {"DELIVERY": "queued", "DELIVERY_LOG": False}])
def test_a_way_of_delivery_that_cannot_be_is_an_error(settings: Any, values: dict[str, Any]) -> None:
    settings.MAILADMIN = settings.MAILADMIN | values
    assert set(found()) == {"E002"}


# -- the last resort -------------------------------------------------------------------------------------


def with_resort(resort: str) -> override_settings:
    """Have our mailer name a last resort, beside one called "old" that Django brings."""
    if NEW_DJANGO:
        ours = {"BACKEND": BACKEND, "OPTIONS": {"last_resort": resort}}
        return override_settings(MAILERS={"default": ours, "old": {"BACKEND": SMTP, "OPTIONS": {"host": "localhost"}}})
    return override_settings(MAILADMIN={**settings_of_mailadmin(), "LAST_RESORT": resort})


def settings_of_mailadmin() -> dict[str, Any]:
    from django.conf import settings

    return dict(settings.MAILADMIN)


SMTP = "django.core.mail.backends.smtp.EmailBackend"


def test_a_last_resort_that_is_another_mailer_is_fine() -> None:
    with with_resort("old" if NEW_DJANGO else SMTP):
        assert found() == {}


@pytest.mark.parametrize("resort", ["nowhere", "default"] if NEW_DJANGO else ["nowhere.Backend", BACKEND])
def test_e021_a_last_resort_that_is_not_there_or_mailadmin_itself(resort: str) -> None:
    with with_resort(resort):
        messages = found()
    assert set(messages) == {"E021"} and resort in messages["E021"].msg


# -- before deployment -----------------------------------------------------------------------------------


def test_w012_debug_is_on(settings: Any) -> None:
    settings.DEBUG = True
    assert set(found()) == {"W012"}
    assert found(deploy=False) == {}


@pytest.mark.parametrize(
    ("host", "secured", "complains"),
    [("mail.example.org", "", True), ("mail.example.org", "use_tls", False), ("localhost", "", False)],
)
def test_w011_a_password_of_the_projects_own_settings_without_encryption(
    host: str, secured: str, complains: bool
) -> None:
    if NEW_DJANGO:
        options = {"host": host, "username": "shop", "password": "secret"} | ({secured: True} if secured else {})
        mailers = {"default": {"BACKEND": BACKEND}, "old": {"BACKEND": SMTP, "OPTIONS": options}}
        context = override_settings(MAILERS=mailers)
    else:
        context = override_settings(
            EMAIL_HOST=host,
            EMAIL_HOST_USER="shop",
            EMAIL_HOST_PASSWORD="secret",
            EMAIL_USE_TLS=secured == "use_tls",
            MAILADMIN={**settings_of_mailadmin(), "LAST_RESORT": SMTP},
        )
    with context:
        messages = found()
    assert set(messages) == ({"W011"} if complains else set())
    assert "secret" not in str(messages)


# -- what the database says ------------------------------------------------------------------------------


def found_in_the_database() -> dict[str, checks.CheckMessage]:
    messages = checks.run_checks(tags=["database"], databases=["default"])
    return {message.id.removeprefix("mailadmin."): message for message in messages if "mailadmin" in str(message.id)}


@pytest.mark.django_db
class TestTheDatabase:
    def test_w020_no_route_is_enabled(self) -> None:
        assert set(found_in_the_database()) == {"W020"}
        connection(enabled=False)
        assert set(found_in_the_database()) == {"W020"}

    def test_a_route_and_direct_mode_are_fine(self) -> None:
        connection()
        assert found_in_the_database() == {}

    def test_w021_a_password_without_encryption(self) -> None:
        connection(
            name="Old relay", host="relay.example.org", security="none", auth="password", clear_text_confirmed=True
        )
        messages = found_in_the_database()
        assert set(messages) == {"W021"} and "Old relay" in messages["W021"].msg

    def test_a_password_to_this_machine_is_nobodys_business(self) -> None:
        connection(host="127.0.0.1", security="none", auth="password")
        assert found_in_the_database() == {}

    def test_w022_messages_are_queued_and_no_worker_runs(self, settings: Any) -> None:
        connection()
        settings.MAILADMIN |= {"DELIVERY": "queued"}
        assert set(found_in_the_database()) == {"W022"}
        now = timezone.now()
        Worker.objects.create(name="mailworker", started_at=now, beat_at=now)
        assert found_in_the_database() == {}

    def test_w022_celery_brings_workers_of_its_own(self, settings: Any) -> None:
        connection()
        settings.MAILADMIN |= {"DELIVERY": "queued", "QUEUE_WAKE": "celery"}
        assert found_in_the_database() == {}

    def test_they_are_not_asked_where_the_database_is_not_to_be_looked_at(self) -> None:
        assert checks.run_checks(tags=["database"], databases=[]) == []


if NEW_DJANGO:

    def test_mailers_that_are_empty_are_looked_at_without_the_settings_that_django_hides_then() -> None:
        with override_settings(MAILERS={}):
            assert set(found()) == {"W002"}
