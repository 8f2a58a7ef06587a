"""The Django project that the contenders run in: a host project with its database in a file, in WAL mode, or on
PostgreSQL."""

from __future__ import annotations

import os
from importlib.util import find_spec
from urllib.parse import urlsplit

import django

SECRET_KEY = "only for the benchmark"  # noqa: S105 -- nothing is protected by it
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "mailadmin"]
if find_spec("post_office"):  # a peer, in the benchmark's own environment
    INSTALLED_APPS.append("post_office")
_database = os.environ["BENCH_DATABASE"]  # a file, or the address of a PostgreSQL
_server = urlsplit(_database)
if _server.scheme:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _server.path.lstrip("/"),
            "USER": _server.username,
            "HOST": _server.hostname,
            "PORT": _server.port,
            "CONN_MAX_AGE": None,
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _database,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            },
        }
    }
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]  # django-post-office renders subjects
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MAILADMIN = {
    "KEYS": [os.environ["BENCH_KEY"]],
    "DELIVERY_LOG": os.environ.get("BENCH_LOG") != "off",
    "DELIVERY": os.environ.get("BENCH_DELIVERY", "direct"),
}
POST_OFFICE = {
    "THREADS_PER_PROCESS": 5,
    "BATCH_SIZE": 10_000,
    "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
}

_port = int(os.environ.get("BENCH_PORT") or 0)
_secured = os.environ.get("BENCH_SECURED") == "yes"
_login = {"username": "bench", "password": "bench"} if _secured else {}
_backend = os.environ.get("BENCH_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
if django.VERSION >= (6, 1) and "post_office" not in _backend:
    options = {"host": "localhost", "port": _port, "use_tls": _secured, **_login} if "smtp" in _backend else {}
    MAILERS = {"default": {"BACKEND": _backend, "OPTIONS": options}}
else:
    EMAIL_BACKEND = _backend
    EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS = "localhost", _port, _secured
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _login.get("username", ""), _login.get("password", "")
