"""The filters of the list of tests: they stand in the address, so that a view can be shared."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from mailadmin.core import limits
from mailadmin.core.texts import N_
from mailadmin.models import ConnectionTest

from .sections import TESTED

State = ConnectionTest.State
ASKED_BY = (
    ("", N_("Anybody")),
    ("people", N_("A person")),
    ("schedule", N_("The schedule")),
)


@dataclass(frozen=True)
class Filters:
    """Which tests are shown: of one state, of one connection (its UUID), asked by whom; "" for all."""

    state: str = ""
    route: str = ""
    by: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Return the filters of a query; what is not known filters nothing."""
        state, route, by = (query.get(name, "") for name in ("state", "route", "by"))
        return cls(
            state if state in State.values else "",
            route if _is_uuid(route) else "",
            by if by in dict(ASKED_BY) else "",
        )

    def __bool__(self) -> bool:
        return bool(self.state or self.route or self.by)

    def rows(self) -> QuerySet[ConnectionTest]:
        """Return the tests that fit, the newest first."""
        found = ConnectionTest.objects.defer("draft", "values")
        if self.state:
            found = found.filter(_in_state(self.state))
        if self.route:
            found = found.filter(route_id=self.route)
        return found.filter(scheduled=self.by == "schedule") if self.by else found

    @property
    def states(self) -> list[tuple[str, str]]:
        """Return the states to choose from."""
        return [("", _("All")), *((state.value, str(state.label)) for state in State)]

    @property
    def people(self) -> list[tuple[str, str]]:
        """Return who may have asked for a test."""
        return [(name, _(words)) for name, words in ASKED_BY]

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Return the connections and services to choose from, as UUID and name. Three statements."""
        rows = (section.model.objects.values_list("pk", "name") for section in TESTED.values())
        return [("", _("All")), *((str(pk), name) for found in rows for pk, name in found)]


def _in_state(state: str) -> Q:
    """Return what fits tests that show as `state`: one without a beat shows as interrupted, whatever its row says."""
    alive = timezone.now() - timedelta(seconds=limits.TEST_LOST_SECONDS)
    if state == State.RUNNING:
        return Q(state=State.RUNNING, beat_at__gte=alive)
    lost = Q(state=State.RUNNING, beat_at__lt=alive)
    return Q(state=state) | lost if state == State.INTERRUPTED else Q(state=state)


def _is_uuid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False
