"""The step ladder for an integrated service by itself: can it sign in, and what may it do with its token?

The ladder of an OAuth service walks the same steps before its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from mailadmin.core import expiry, limits
from mailadmin.core.dates import day
from mailadmin.core.errors import MailError, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.report import Step, StepState
from mailadmin.core.settings import Credential, CredentialKind, EntraApp
from mailadmin.core.texts import N_, _
from mailadmin.net.environment import proxy_for
from mailadmin.net.http import split_host
from mailadmin.net.policy import NetworkPolicy
from mailadmin.transports.entra.sign_in import Note
from mailadmin.transports.entra.tokens import Token, fetch_token

from . import claims, support_ids
from .hosts import look_at_sign_in_host
from .recorder import Recorder, StepFailed, fail

APP_PLAN: tuple[tuple[str, str], ...] = (
    ("settings", N_("Settings")),
    ("signin-host", N_("Sign-in host")),
    ("token", N_("Token")),
)
Needs = Iterable[tuple[str, tuple[str, ...]]]
# What the app signs in with: for as long as it likes, until a day that is over, and until one to come.
_CREDENTIALS = {
    CredentialKind.SECRET: (
        N_("It signs in with its client secret."),
        N_("Its client secret ended on {day}."),
        N_("It signs in with its client secret, which ends {when} ({day})."),
    ),
    CredentialKind.CERTIFICATE: (
        N_("It signs in with its certificate."),
        N_("Its certificate ended on {day}."),
        N_("It signs in with its certificate, which ends {when} ({day})."),
    ),
    CredentialKind.FEDERATED: (
        N_("It signs in with its federated assertion."),
        N_("Its federated assertion ended on {day}."),
        N_("It signs in with its federated assertion, which ends {when} ({day})."),
    ),
    CredentialKind.MANAGED_IDENTITY: (
        N_("It signs in with its managed identity of this server."),
        N_("Its managed identity of this server ended on {day}."),
        N_("It signs in with its managed identity of this server, which ends {when} ({day})."),
    ),
}


def app_plan() -> tuple[tuple[str, str], ...]:
    """Return key and title of each step, in order."""
    return tuple((key, _(title)) for key, title in APP_PLAN)


def probe_app(
    app: EntraApp, recorder: Recorder, policy: NetworkPolicy, *, scopes: tuple[str, ...] = (), send: str = claims.SEND
) -> list[Step]:
    """Test `app` step by step up to its token for `scopes` (those of its cloud's Graph without any) and return the
    steps. `send` is the permission that the token is looked through for. Nothing is sent.

    Raises Cancelled when the recorder was told to stop; the recorder holds the steps so far.
    """
    with suppress(StepFailed):
        with recorder.step("settings") as step:
            _complete(app)
            step.fact = describe_app(step, app)
        with recorder.step("signin-host") as step:
            look_at_sign_in_host(step, app, policy)
        with recorder.step("token") as step:
            asked = scopes or (app.cloud.graph_scope,)
            # A token of the sending may be kept; the test asks for a new one, to prove that it can be got.
            with dialogue(step) as note:
                token = fetch_token(app, asked, policy, fresh=True, note=note)
            describe_token(step, token, app, asked, send=send)
    return recorder.finish()


def describe_app(step: Step, app: EntraApp) -> str:
    """Note into `step` what `app` signs in with and by which way, and return the app in a few words.

    Raises MailError when it has no credential, or one that cannot be opened.
    """
    _describe_credential(step, _credential_of(app))
    for host in dict.fromkeys((app.cloud.authority_host, app.cloud.graph_host)):
        if app.proxy:
            step.notes.append(_("{host} is reached by the proxy {proxy}.").format(host=host, proxy=app.proxy))
        elif proxy := proxy_for(*split_host(host)):
            text = _("{host} is reached by the proxy {proxy} that the environment names.")
            step.notes.append(text.format(host=host, proxy=proxy))
    text = _("tenant {tenant}, cloud {cloud}") if app.tenant else _("cloud {cloud}")
    return text.format(tenant=app.tenant, cloud=app.cloud.name)


def describe_token(
    step: Step, token: Token, app: EntraApp, scopes: tuple[str, ...], *, send: str = claims.SEND, needs: Needs = ()
) -> None:
    """Write into `step` what the token says of itself, and warn of what does not fit the settings.

    `needs` names the switched-on options with the permissions of which one is enough.
    """
    minutes = max(round((token.expires_at - time.time()) / 60), 0)
    named = ", ".join(claims.permissions(token.claims)) or _("none named in it")
    step.fact = _("Valid for {minutes} minutes; permissions: {names}").format(minutes=minutes, names=named)
    if not token.claims:
        step.state = StepState.WARNING
        step.notes.append(_("The token cannot be read, so its permissions are not known here."))
        return
    step.details += claims.rows(token.claims)
    warnings = [
        *claims.about_audience(token.claims, app, scopes),
        *claims.about_identity(token.claims, app),
        *claims.about_options(token.claims, needs),
    ]
    step.notes += warnings
    if warnings:
        step.state = StepState.WARNING
    step.notes += claims.about_send(token.claims, send)
    _warn_of_wide_permission(step, claims.wide(token.claims), app)


@contextmanager
def dialogue(step: Step) -> Iterator[Note]:
    """Give a function that adds a line to the dialogue of `step`, up to the limit; when the block ends, well or not,
    what a support case needs of it stands in the details."""

    def note(line: str) -> None:
        if len(step.dialogue) < limits.DIALOGUE_LINES:
            step.dialogue.append(line)

    try:
        yield note
    finally:
        step.details += support_ids.rows(step.dialogue)


def _complete(app: EntraApp) -> None:
    """Raises MailError that says what is missing."""
    managed = app.credential is not None and app.credential.kind is CredentialKind.MANAGED_IDENTITY
    needed = {
        (_("The integrated service lacks a sign-in host."), "host"): app.cloud.authority_host,
        (_("The integrated service lacks a Graph host."), "host"): app.cloud.graph_host,
    }
    if not managed:
        needed |= {
            (_("The integrated service lacks a tenant."), "tenant"): app.tenant,
            (_("The integrated service lacks a client ID."), "client_id"): app.client_id,
        }
    for (text, field), value in needed.items():
        if not value:
            raise MailError(Fault(Phase.SETTINGS, Kind.ROUTE_INCOMPLETE, text, field=field))


def _credential_of(app: EntraApp) -> Credential:
    """Return what `app` signs in with, once it is there and can be opened. Raises MailError of the token's phase, which
    says that the secret of an app is meant and not that of a connection."""
    missing = MailError(Fault(Phase.TOKEN, Kind.SECRET_MISSING))
    credential = app.credential
    if credential is None:
        raise missing
    if credential.kind is CredentialKind.MANAGED_IDENTITY:
        return credential
    try:
        there = bool(credential.secret and credential.secret.reveal())
    except MailError as error:
        raise MailError(replace(error.fault, phase=Phase.TOKEN)) from None
    if not there:
        raise missing
    return credential


def _describe_credential(step: Step, credential: Credential) -> None:
    lasts, ended, will_end = _CREDENTIALS[credential.kind]
    ends, days = credential.ends_on, expiry.days_left(credential.ends_on, datetime.now(UTC).date())
    if ends is None or days is None:
        step.notes.append(_(lasts))
        return
    if days < 0:
        step.state = StepState.WARNING
        step.notes.append(_(ended).format(day=day(ends)))
        return
    step.notes.append(_(will_end).format(when=expiry.countdown(days), day=day(ends)))
    if days <= limits.CERTIFICATE_WARNING_DAYS:
        step.state = StepState.WARNING


def _warn_of_wide_permission(step: Step, names: list[str], app: EntraApp) -> None:
    if not names:
        return
    named = _(" and ").join(names)
    if app.wide_permission_ok:
        text = _("The token names {names} for every mailbox of the tenant, which is marked as known.")
        step.notes.append(text.format(names=named))
        return
    step.notes.append(_("The token names {names} for every mailbox of the tenant.").format(names=named))
    fail(step, mail_error(Fault(Phase.TOKEN, Kind.PERMISSION_WIDE)), StepState.WARNING)
