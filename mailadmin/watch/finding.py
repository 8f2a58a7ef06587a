"""What is wrong now, as one value for the dashboard, monitors and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from mailadmin.core.alerts import Event
from mailadmin.core.settings import RouteKey

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Link:
    """A page of the console that cures: its address, what the link says, and the permission that it needs."""

    path: str
    text: str
    permission: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `tone` is "error" (mail is lost or late by it) or "warning".

    `key` names the thing and what is wrong with it, so that it is known again ("route:smtp:<uuid>:failing"); `kind`
    is the latter more closely ("stopped"). `event` is what an alert would be about, None where none is sent. `code` is
    the knowledge entry behind it; `route` and `name` say what it is about. The first of `links` is the cure.
    `early` tells that it is worth an alert, but no banner yet.
    """

    tone: str
    key: str
    kind: str
    title: str
    text: str = ""
    event: Event | None = None
    code: str = ""
    route: RouteKey | None = None
    name: str = ""
    links: tuple[Link, ...] = ()
    early: bool = False

    @property
    def path(self) -> str:
        """Return the address of the page that cures it, "" without one."""
        return self.links[0].path if self.links else ""

    @property
    def action(self) -> str:
        """Return what the link to that page says."""
        return self.links[0].text if self.links else ""

    def as_data(self) -> dict[str, Any]:
        """Return the finding as values for JSON."""
        return {
            "tone": self.tone,
            "kind": self.kind,
            "key": self.key,
            "title": self.title,
            "text": self.text,
            "code": self.code,
            "name": self.name,
            "path": self.path,
        }


def link(text: str, url_name: str, *args: object, permission: str = "", query: Mapping[str, str] | None = None) -> Link:
    """Return a link to the page `url_name` of the console; without an address where the project has no such page."""
    try:
        path = reverse(f"mailadmin:{url_name}", args=args)
    except NoReverseMatch:
        path = ""
    return Link(f"{path}?{urlencode(query)}" if path and query else path, text, permission)
