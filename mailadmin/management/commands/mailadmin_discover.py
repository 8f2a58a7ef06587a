"""Find the server of an e-mail address."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailadmin import conf
from mailadmin.core import discovery, validation
from mailadmin.core.discovery import Candidate
from mailadmin.models import Settings
from mailadmin.net.resolver import Resolver
from mailadmin.probes.discovery import Found, discover

NOT_VERIFIED, BAD_ADDRESS = 1, 2


class Command(BaseCommand):
    """Exit codes: 0 a server answers as it should, 1 none was seen to, 2 a text that is no address."""

    help = (
        "Find the server that takes the mail of an e-mail address: by its provider, the DNS, and guesses that are "
        "tried. Nobody signs in, and nothing is sent. Exit code 0 when a server answers as it should, 1 when none was "
        "seen to, 2 for a text that is no address."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address."""
        parser.add_argument("address", help="the address that is to send, such as shop@example.org")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, address: str, **options: Any) -> None:
        """Print what was found. Raises CommandError with the exit code."""
        try:
            mailbox = discovery.read_address(address)
        except ValueError as error:
            raise CommandError(str(error), returncode=BAD_ADDRESS) from None
        resolver = Resolver(validation.resolvers(Settings.load().resolvers))
        found = discover(mailbox, resolver, conf.network_policy())
        self.stdout.write(_as_json(found) if options["json"] else _as_text(found))
        if not found.good:
            raise SystemExit(NOT_VERIFIED)


def _as_json(found: Found) -> str:
    data = {
        "address": found.mailbox.address,
        "domain": found.mailbox.domain,
        "summary": found.summary,
        "verified": found.good,
        "candidates": [_fields(one, found) for one in found.candidates],
        "asked": [{"question": one.question, "answer": one.answer} for one in found.asked],
        "tried_in_vain": [{"host": one.host, "port": one.port, "seen": one.seen} for one in found.in_vain],
    }
    return json.dumps(data, indent=2, ensure_ascii=False)


def _fields(one: Candidate, found: Found) -> dict[str, Any]:
    return {
        "host": one.host,
        "port": one.port,
        "security": one.security,
        "source": one.source,
        "why": one.why,
        "standing": one.standing,
        "seen": one.seen,
        "mechanisms": one.mechanisms,
        "user": one.user,
        "needs_confirmation": one.foreign_to(found.mailbox),
        "provider": one.provider.id if one.provider else "",
    }


def _as_text(found: Found) -> str:
    lines = [found.summary, found.advice]
    for one in found.candidates:
        lines += ["", f"{one.host}, port {one.port}, {one.security} ({one.standing})", f"   {one.why}"]
        lines += [f"   {one.seen}"] if one.seen else []
        lines += [f"   Signs in by {', '.join(one.mechanisms)}."] if one.mechanisms else []
        lines += [f"   User name: {one.user}"] if one.user else []
        if one.provider:
            lines += [f"   {text}" for text in (one.provider.sign_in, *one.provider.notes)]
        if one.foreign_to(found.mailbox):
            lines.append(f"   This name is not one of {found.mailbox.domain}: use it only when you know the server.")
    lines += ["", "Asked:", *(f"   {one.question}: {one.answer}" for one in found.asked)]
    if found.in_vain:
        lines += ["", "Tried in vain:", *(f"   {one.host}, port {one.port}: {one.seen}" for one in found.in_vain)]
    return "\n".join(lines)
