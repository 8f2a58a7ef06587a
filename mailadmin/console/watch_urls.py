"""Addresses of the pages that watch: dashboard, delivery log, connection tests, compose, sandbox, audit."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
