"""Addresses of the console. A host project includes this module under a path of its choice."""

from __future__ import annotations

from . import settings_urls, watch_urls

app_name = "mailadmin"
urlpatterns = [*watch_urls.urlpatterns, *settings_urls.urlpatterns]
