"""The deployment's keys: a damaged one is a clear error, and no key shows in a report of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from mailadmin.conf import ConfigurationError, key_ring
from mailadmin.core.keyring import new_key
from mailadmin.models import SmtpConnection

DAMAGED = "c4nary-of-the-mine"


@pytest.mark.parametrize("kept_in", ["settings", "file", "environment"])
def test_s9_no_key_shows_in_an_error_report(
    kept_in: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = new_key()
    keys = {"KEYS": [good, DAMAGED]} if kept_in == "settings" else {}
    if kept_in == "file":
        keys["KEY_FILE"] = tmp_path / "keys"
        keys["KEY_FILE"].write_text(f"{good}\n{DAMAGED}\n")
    if kept_in == "environment":
        monkeypatch.setenv("MAILADMIN_KEYS", f"{good},{DAMAGED}")
    settings.MAILADMIN = keys
    try:
        SmtpConnection(name="Relay", host="localhost").set_secret("the password")
    except ConfigurationError as error:
        assert error.__traceback__
        frames = error.__traceback__.tb_next  # without this test's own
        request = RequestFactory().get("/")
        request.exception_reporter_filter = Production()
        report = ExceptionReporter(request, type(error), error, frames).get_traceback_html()
    for secret in (good, DAMAGED, "the password"):
        assert secret not in report
    with pytest.raises(ConfigurationError, match="not a Fernet key"):
        key_ring()


class Production(SafeExceptionReporterFilter):
    """Hides what is marked as sensitive, as Django does when DEBUG is off; the settings are not looked at."""

    def is_active(self, request: Any) -> bool:
        return True

    def get_safe_settings(self) -> dict[str, Any]:
        return {}

    def get_safe_request_meta(self, request: Any) -> dict[str, Any]:
        return {}
