"""Rows that come from a settings file: the console shows them, and says which file to change."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from mailadmin.settings_file import managed


def refusal(request: HttpRequest, row: Any, back: str) -> HttpResponse | None:
    """Return the page (409) that says which file `row` comes from and what to do, with a link `back`; None for a row
    that the console may change. Every view that changes a row asks this first."""
    if not managed(row):
        return None
    return render(request, "mailadmin/rows/managed.html", {"row": row, "back": back}, status=409)
