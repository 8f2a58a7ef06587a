"""Addresses of the console. A host project includes this module under a path of its choice."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

app_name = "mailadmin"
urlpatterns: list[URLPattern | URLResolver] = []
