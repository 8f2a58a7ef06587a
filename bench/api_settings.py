"""The project of the HTTP API: the standalone console, with a peer's way in beside it where that is installed."""

from __future__ import annotations

from importlib.util import find_spec

from bench.log_settings import *  # noqa: F403 -- a settings module extends another one this way

INSTALLED_APPS = [*INSTALLED_APPS, *(["post_office"] if find_spec("post_office") else [])]  # noqa: F405 -- likewise
ROOT_URLCONF = "bench.api_urls"
POST_OFFICE = {"BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"}}
