"""A run of "Test all" as its page shows it: a card for each route, side by side, and one sentence for all."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mailadmin import testruns
from mailadmin.core.report import Step, StepState
from mailadmin.models import ConnectionTest

from .ladder import Links, Shown, seen, shown
from .sections import ROUTES

_LINKS = Links(lambda setting: "", lambda code: "", lambda place, number, fix: "")  # the page of each test has them
_TONES = {
    ConnectionTest.State.FAILED: "error",
    ConnectionTest.State.OK: "success",
}


@dataclass(frozen=True)
class Card:
    """One test of the batch."""

    test: ConnectionTest
    run: Shown

    @property
    def waiting(self) -> bool:
        """Tell whether it waits for its turn."""
        return self.test.running and not any(rung.step.state is not StepState.WAITING for rung in self.run.rungs)

    @property
    def family(self) -> str:
        """Return by what it sends, "token" for an integrated service by itself."""
        return {"oauth": "Graph", "smtp": "SMTP"}.get(self.test.kind, _("token"))


@dataclass(frozen=True)
class Batch:
    """What the page shows. `seen` changes with every change of it."""

    id: uuid.UUID
    cards: Sequence[Card]
    seen: str

    @property
    def running(self) -> bool:
        """Tell whether a test of it has not ended."""
        return any(card.test.running for card in self.cards)

    @property
    def stopping(self) -> bool:
        """Tell whether somebody asked all of it to stop."""
        return all(card.test.cancel_requested for card in self.cards if card.test.running)

    @property
    def first(self) -> ConnectionTest:
        """Return the test whose row says when the batch was started, and by whom."""
        return self.cards[0].test

    @property
    def failed(self) -> list[Card]:
        """Return the cards of the tests that failed."""
        return [card for card in self.cards if card.test.shown_state == ConnectionTest.State.FAILED]

    @property
    def sends(self) -> bool:
        """Tell whether a route is among them, which can send."""
        return any(card.test.kind in ROUTES for card in self.cards)

    @property
    def tone(self) -> str:
        """Return how the banner looks."""
        if self.failed:
            return "error"
        states = {card.test.shown_state for card in self.cards}
        if self.running:
            return "info"
        return "success" if states == {ConnectionTest.State.OK} else "warning"

    @property
    def headline(self) -> str:
        """Return one sentence for all: how far it is, then how it ended."""
        whole, ended = len(self.cards), sum(not card.test.running for card in self.cards)
        names, bad = ", ".join(card.test.name for card in self.failed), len(self.failed)
        if self.running:
            text = ngettext("{ended} of {whole} connection tested.", "{ended} of {whole} connections tested.", whole)
            failed = _("{number} failed: {names}.").format(number=bad, names=names) if bad else ""
            return f"{text.format(ended=ended, whole=whole)} {failed}".strip()
        if bad:
            text = ngettext(
                "{bad} of {whole} connection failed: {names}.", "{bad} of {whole} connections failed: {names}.", whole
            )
            return text.format(bad=bad, whole=whole, names=names)
        rest = [card for card in self.cards if card.test.shown_state != ConnectionTest.State.OK]
        if not rest:
            return ngettext("The connection works.", "All {whole} connections work.", whole).format(whole=whole)
        told = ", ".join(f"{card.test.name} ({card.test.shown_label.lower()})" for card in rest)
        text = ngettext(
            "{good} of {whole} connection passed without a remark. Look at: {told}.",
            "{good} of {whole} connections passed without a remark. Look at: {told}.",
            whole,
        )
        return text.format(good=whole - len(rest), whole=whole, told=told)


def batch(batch_id: uuid.UUID) -> Batch | None:
    """Return the batch as it is now, None when nothing is left of it. Two statements and those of the order."""
    tests = list(ConnectionTest.objects.filter(batch=batch_id).defer("draft", "values"))
    if not tests:
        return None
    steps = testruns.steps_of_all(tests)
    order: dict[uuid.UUID | None, int] = {row.pk: place for place, row in enumerate(testruns.rows_to_test())}
    tests.sort(key=lambda test: (order.get(test.route_id, len(order)), test.name))  # in which they are tried
    found: list[tuple[ConnectionTest, Sequence[Step]]] = [(test, steps[test.pk]) for test in tests]
    return Batch(batch_id, [Card(test, shown(test, rungs, _LINKS)) for test, rungs in found], seen(found))
