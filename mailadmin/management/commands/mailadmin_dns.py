"""Read the DNS of sender domains, and say what is to be mended."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailadmin.core import validation
from mailadmin.core.dns_finding import Finding, State, worst
from mailadmin.net.resolver import MISSING as LIBRARY_MISSING
from mailadmin.net.resolver import DnsUnavailable, available
from mailadmin.watch.sender_domains import DomainInUse, read, refresh, sender_domains

WARNINGS, BAD_DOMAIN, ERRORS, UNREAD = 1, 2, 3, 4


class Command(BaseCommand):
    """Exit codes: 0 nothing to mend, 1 warnings, 2 a wrong option or domain, 3 errors, 4 a domain could not be read."""

    help = (
        "Read MX, SPF, DKIM and DMARC of the domains that mail is sent from, and say what follows for each route. Exit "
        "code 0: nothing to mend, 1: warnings, 2: a wrong option or domain, 3: errors, 4: a domain could not be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the domains."""
        parser.add_argument("domains", nargs="*", metavar="DOMAIN", help="only these (default: all that are in use)")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, domains: list[str], **options: Any) -> None:
        """Read, keep and print. Raises CommandError with the exit code."""
        if not available():
            raise CommandError(LIBRARY_MISSING, returncode=UNREAD)
        told = [(found, *_read(found)) for found in _chosen(domains)]
        if options["json"]:
            self.stdout.write(json.dumps([_as_data(*one) for one in told], indent=2, ensure_ascii=False))
        else:
            self.stdout.write("\n\n".join(_as_text(*one) for one in told) or "No domain is in use.")
        if any(problem for _, _, problem in told):
            raise SystemExit(UNREAD)
        state = worst(finding for _, findings, _ in told for finding in findings)
        if state in (State.ERROR, State.WARNING):
            raise SystemExit(ERRORS if state is State.ERROR else WARNINGS)


def _chosen(names: list[str]) -> list[DomainInUse]:
    """Return the domains that were named, all without a name; one that nobody uses is looked at, too. Raises
    CommandError."""
    try:
        wanted = [validation.domain(name) for name in names]
    except ValueError as error:
        raise CommandError(str(error), returncode=BAD_DOMAIN) from None
    found = sender_domains(wanted)
    return [one for one in found if one.domain in wanted] if wanted else found


def _read(found: DomainInUse) -> tuple[list[Finding], str]:
    """Return the findings, or why the domain could not be read; what is said of an unused one is not kept."""
    used = found.sources or found.row.pk
    try:
        return (refresh(found) if used else read(found)).findings(), ""
    except DnsUnavailable as error:
        return [], str(error)


def _as_data(found: DomainInUse, findings: list[Finding], problem: str) -> dict[str, Any]:
    return {
        "domain": found.domain,
        "state": "not read" if problem else worst(findings).word,
        "problem": problem,
        "routes": [sends.name for _, sends in found.routes],
        "findings": [finding.as_data() for finding in findings],
    }


def _as_text(found: DomainInUse, findings: list[Finding], problem: str) -> str:
    by = ", ".join(sends.name for _, sends in found.routes) or "no route"
    lines = [f"{found.domain} (sent by {by})"]
    if problem:
        lines.append(f"  could not be read: {problem}")
    for finding in findings:
        lines.append(f"  {finding.topic}: {finding.state.label}: {finding.title}")
        if finding.text and finding.state is not State.OK:
            lines.append(f"      {finding.text}")
        if finding.publish:
            publish = finding.publish
            lines.append(f'      Publish: {publish.name} {publish.kind} "{publish.value}"')
    return "\n".join(lines)
