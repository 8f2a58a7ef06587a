"""Addresses of the pages that set up: SMTP connections, OAuth services, integrated services, preferences."""

from __future__ import annotations

from django.urls import URLPattern, path

from .theme import theme

urlpatterns: list[URLPattern] = [
    path("theme/", theme, name="theme"),
]
