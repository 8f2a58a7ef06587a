"""Every fix that is offered for a known failure fits its form (N2): with it the form is valid, or all that it lacks is
what only a person can type."""

from __future__ import annotations

import pytest

from mailadmin.console.forms import IntegratedServiceForm, OAuthServiceForm, SmtpConnectionForm
from mailadmin.console.proposals import Draft, as_sent
from mailadmin.console.sections import OAUTH, SERVICE, SMTP
from mailadmin.core.errors import MailError
from mailadmin.core.fixes import Fix, Target
from mailadmin.core.knowledge import explain
from mailadmin.models import IntegratedService, OAuthService, SmtpConnection
from mailadmin.testruns.fixing import fixes_for
from mailadmin.testruns.subjects import subject_of_row
from tests.core.failures import FAILURES

pytestmark = pytest.mark.django_db
FORMS = {SMTP.name: SmtpConnectionForm, OAUTH.name: OAuthServiceForm, SERVICE.name: IntegratedServiceForm}


def _smtp(name: str, **values) -> SmtpConnection:
    row = SmtpConnection(name=name, **{"host": "smtp.example.org", "from_address": "shop@example.org"} | values)
    if row.auth == "password":
        row.set_secret("only-the-relay-knows-this")
    row.save()
    return row


@pytest.fixture
def rows(service) -> list[SmtpConnection | OAuthService | IntegratedService]:
    """Rows of each kind, set up in the ways in which people do."""
    account = {"auth": "password", "user_name": "anna@example.org"}
    return [
        _smtp("Usual", **account),
        _smtp("TLS on 587", **account, security="tls", port=587),
        _smtp("STARTTLS on 465", **account, port=465, envelope_sender="bounces@example.org", tls_minimum="1.3"),
        _smtp("Open relay", security="none", port=25),
        _smtp("Half a name", auth="password", user_name="shop", mechanism="CRAM-MD5"),
        _smtp("Microsoft", **account | {"host": "smtp.office365.com"}),
        _smtp("Gmail, mistyped", **account | {"host": "smtp.gmail.co"}),
        _smtp("A key", **account | {"host": "smtp.sendgrid.net", "user_name": "someone"}),
        _smtp("By token", auth="xoauth2", user_name="anna@example.org", integrated_service=service),
        OAuthService.objects.create(name="Office", integrated_service=service, service_identity="anna@example.org"),
        OAuthService.objects.create(
            name="Odd Office",
            integrated_service=service,
            service_identity="bert@example.org",
            scopes="https://graph.microsoft.us/.default",
            send_as="shop@example.org",
            messages_per_minute=0,
            large_messages=True,
        ),
        service,
    ]


def test_n2_with_every_fix_the_form_is_valid_or_lacks_only_what_a_person_types(rows, service):
    """N2."""
    seen, wrong = set(), []
    for row in rows:
        subject = subject_of_row(row)
        for fault in (fault for faults in FAILURES.values() for fault in faults):
            for fix in fixes_for(subject, MailError(fault)):
                key = (row.pk, fix.target, fix.focus, *sorted(fix.changes.items()))
                if key not in seen:
                    seen.add(key)
                    wrong += _errors(row, fix, service, explain(fault).id)
    assert not wrong
    assert len(seen) > 80


def _errors(row, fix: Fix, service: IntegratedService, code: str) -> list[str]:
    """Return what is wrong with the form once the fix is applied, but for what a person has to type."""
    if fix.target is Target.TWIN:
        row = OAuthService()
    elif fix.target is Target.SERVICE:
        row = service
    section = next(section for section in (SMTP, OAUTH, SERVICE) if isinstance(row, section.model))
    extra = {"integrated_service": str(service.pk)} if fix.target is Target.TWIN else {}
    unknown = set(fix.changes) - set(FORMS[section.name].base_fields)
    form = Draft(section, row, {**fix.changes, **extra}, focus=fix.focus).form()
    unknown |= {name for name in fix.focus.split() if name not in form.fields}
    fresh = row if row._state.adding else section.model.objects.get(pk=row.pk)
    sent = section.form(as_sent(form), instance=fresh)
    typed = {*getattr(sent, "typed_secrets", dict)(), *fix.focus.split()}
    return [f"{code} for {row}: {fix.title}: {name}" for name in (*unknown, *(set(sent.errors) - typed))]
