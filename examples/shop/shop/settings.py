"""The shop's settings. The lines between the two marks are all that plugs mailadmin in."""

from __future__ import annotations

import os
from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("SHOP_DATA_DIR", BASE_DIR / ".data"))
DATA_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get("SHOP_SECRET_KEY", "only-for-trying-the-example-out-0123456789-abcdefghijklmnop")
DEBUG = os.environ.get("SHOP_DEBUG", "true") == "true"
ALLOWED_HOSTS = os.environ.get("SHOP_HOSTS", "localhost,127.0.0.1,testserver").split(",")
HTTPS = not DEBUG  # a real shop stands behind TLS
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS

INSTALLED_APPS = [
    "orders",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "shop.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "admin:login"
USE_TZ = True
STATIC_URL = "static/"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = "shop@example.org"
ADMINS = ["owner@example.org"] if django.VERSION >= (6, 0) else [("Owner", "owner@example.org")]

# How the shop sent its mail until now: by a server whose password stands in the environment.
OLD_MAIL = {"host": os.environ.get("SHOP_MAIL_HOST", "localhost"), "port": int(os.environ.get("SHOP_MAIL_PORT", "25"))}

# ---- mailadmin: from here ------------------------------------------------------------------------------
INSTALLED_APPS += ["mailadmin", "django_htmx", "lucide"]
MAILADMIN = {
    "KEY_FILE": DATA_DIR / "mailadmin.keys",
    "ENVIRONMENT": "example",
    "SANDBOX": DEBUG,
    "SANDBOX_FOLDER": DATA_DIR / "sandbox",
}

if django.VERSION >= (6, 1):
    MAILERS = {
        # The old server goes on sending until somebody sets up the first route in the console.
        "default": {"BACKEND": "mailadmin.backends.EmailBackend", "OPTIONS": {"last_resort": "old"}},
        "old": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": OLD_MAIL},
    }
else:
    EMAIL_BACKEND = "mailadmin.backends.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = OLD_MAIL["host"], OLD_MAIL["port"]
    MAILADMIN["LAST_RESORT"] = "django.core.mail.backends.smtp.EmailBackend"
# ---- to here, and one line in urls.py ------------------------------------------------------------------
