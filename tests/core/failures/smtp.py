"""Refusals of SMTP servers."""

from __future__ import annotations

from mailadmin.core.fault import Fault, Kind, Phase

from .make import HOST, OFFICE, line, smtp

AUTH = Phase.AUTH
SENDER = Phase.SENDER
RECIPIENT = Phase.RECIPIENT
DATA = Phase.DATA
GREETING = Phase.GREETING
TLS = Phase.TLS

FAILURES: dict[str, Fault | list[Fault]] = {
    # SMTP in general
    "not-smtp": line(Kind.NOT_SMTP, GREETING, port=80),
    "greeting-silent": line(Kind.TIMEOUT, GREETING),
    "greeting-closed": line(Kind.CLOSED, GREETING),
    "out-of-step": line(Kind.OUT_OF_STEP, RECIPIENT),
    "smtp-unsure": [
        Fault(DATA, kind, host=HOST, maybe_sent=True)
        for kind in (Kind.CLOSED, Kind.TIMEOUT, Kind.OUT_OF_STEP, Kind.TLS_BROKEN)
    ],
    "reply-4xx": smtp(Phase.MESSAGE, "450 later"),
    "reply-5xx": smtp(Phase.MESSAGE, "500 what?"),
    "reply-odd": smtp(DATA, "334 dGVzdA=="),
    "closing": [
        smtp(phase, "421 4.3.0 Temporary System Problem. Try again later - gsmtp")
        for phase in (GREETING, TLS, AUTH, SENDER, RECIPIENT, DATA)
    ],
    "greeting-4xx": smtp(GREETING, "450 4.3.2 System not accepting network messages"),
    "greeting-5xx": smtp(GREETING, "554 5.7.1 Service unavailable; Client host rejected: Access denied"),
    "greeting-listed": smtp(
        GREETING, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"
    ),
    "helo-refused": smtp(GREETING, "501 5.5.4 Invalid EHLO argument"),
    "starttls-reply": smtp(TLS, "454 4.7.0 TLS not available due to local problem"),
    "too-many-connections": [
        smtp(GREETING, "421 4.7.0 Too many concurrent SMTP connections from this IP address"),
        smtp(
            SENDER, "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending", OFFICE
        ),
        smtp(DATA, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", OFFICE),
    ],
    "rate-limited": [
        smtp(SENDER, "451 4.7.1 Ratelimit exceeded for user ada"),
        smtp(DATA, "452 4.3.1 Too many messages, slow down"),
    ],
    # sign-in
    "auth-4xx": smtp(AUTH, "454 4.7.0 Temporary authentication failure"),
    "auth-5xx": smtp(AUTH, "550 5.7.1 Not accepted"),
    "auth-lost": [line(Kind.CLOSED, AUTH), line(Kind.TIMEOUT, AUTH)],
    "mechanism-missing": line(Kind.MECHANISM_MISSING, AUTH),
    "server-proof": line(Kind.SERVER_PROOF, AUTH, "The server's proof that it knows the password is wrong."),
    "client-certificate-refused": [
        line(Kind.CLIENT_CERTIFICATE_REFUSED, TLS, "The server answered: tlsv13 alert certificate required."),
        line(Kind.CLIENT_CERTIFICATE_REFUSED, GREETING),
        # Postfix finishes the handshake and tells after it.
        smtp(GREETING, "421 4.7.1 mail.example.org Error: No client certificate presented"),
        smtp(GREETING, "421 4.7.1 mail.example.org Error: Client certificate not trusted"),
    ],
    "credentials-refused": [
        smtp(AUTH, "535 5.7.8 Error: authentication failed: (reason unavailable)"),
        smtp(AUTH, "535 Incorrect authentication data"),
    ],
    "auth-method-refused": [
        smtp(AUTH, "504 5.5.4 Unrecognized authentication type"),
        smtp(AUTH, "503 5.5.1 Error: authentication not enabled"),
        smtp(AUTH, "502 5.5.1 Unrecognized command"),
    ],
    "auth-needs-tls": [
        smtp(AUTH, "530 5.7.0 Must issue a STARTTLS command first"),
        smtp(AUTH, "538 5.7.11 Encryption required for requested authentication mechanism"),
        smtp(AUTH, "523 5.7.10 Encryption needed to use mechanism"),
    ],
    "account-disabled": smtp(AUTH, "525 5.7.13 User account disabled"),
    "app-password-needed": [
        smtp(
            AUTH,
            "534 5.7.9 Application-specific password required - gsmtp",
            "smtp.gmail.com",
        ),
        smtp(AUTH, "535 5.7.8 Please use an app password"),
    ],
    "google-credentials": [
        smtp(
            AUTH,
            "535 5.7.8 Username and Password not accepted - gsmtp",
            "smtp.gmail.com",
        ),
        smtp(AUTH, "535 5.7.8 Username and Password not accepted", "smtp-relay.gmail.com"),
    ],
    "google-browser": [
        smtp(AUTH, "534 5.7.14 Please log in via your web browser and then try again - gsmtp", "smtp.gmail.com"),
        smtp(AUTH, "534 5.7.9 Please log in with your web browser and then try again - gsmtp", "smtp.gmail.com"),
    ],
    "password-change": smtp(AUTH, "432 4.7.12 A password transition is needed"),
    "auth-method-weak": smtp(AUTH, "534 5.7.9 Authentication mechanism is too weak"),
    "account-suspended": [
        smtp(AUTH, "502 5.7.0 Your SMTP account is not yet activated. Please contact us", "smtp-relay.brevo.com"),
        smtp(DATA, "554 Sending paused for this account. For more information, look at the account"),
        smtp(RECIPIENT, "554 5.1.8 Email Outgoing Blocked", "smtp.zoho.com"),
        smtp(DATA, "550 5.4.6 Unusual sending activity detected. Please try after sometime", "smtp.zoho.com"),
    ],
    "app-password-perhaps": [
        smtp(AUTH, "535 5.7.0 (#AUTH012) Authentication failed", "smtp.mail.yahoo.com"),
        smtp(AUTH, "535 5.7.8 Error: authentication failed: (reason unavailable)", "smtp.mail.me.com"),
        smtp(AUTH, "535 Authentication Failed", "smtp.zoho.eu"),
    ],
    "mailbox-access-off": smtp(AUTH, "535 Authentication credentials invalid", "mail.gmx.net"),
    "relay-service-credentials": [
        smtp(AUTH, "535 5.7.8 Authentication failed", "smtp-relay.brevo.com"),
        smtp(AUTH, "535 5.7.0 Mailgun denied the sign-in", "smtp.eu.mailgun.org"),
        smtp(AUTH, "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "smtp.postmarkapp.com"),
    ],
    "amazon-right": smtp(
        DATA,
        "554 Access denied: User `arn:aws:iam::1:user/ses' is not authorized to perform `ses:SendRawEmail' on resource",
        "email-smtp.eu-west-1.amazonaws.com",
    ),
    "no-reverse-name": [
        smtp(GREETING, "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]"),
        smtp(DATA, "550 5.7.25 The sending IP address does not have a PTR record. - gsmtp"),
    ],
    "address-unlisted": [
        smtp(AUTH, "525 5.7.1 Unauthorized IP address", "smtp-relay.brevo.com"),
        smtp(RECIPIENT, "550 5.7.1 Invalid credentials for relay [192.0.2.1]. - gsmtp", "smtp-relay.gmail.com"),
        smtp(RECIPIENT, "550 that IP address is not allowed to send"),
    ],
    "hourly-limit": [
        smtp(RECIPIENT, "550 Domain example.org has exceeded the max emails per hour (125/100 (125%)) allowed."),
        smtp(DATA, "550 5.7.1 You have exceeded your messaging limits"),
    ],
    "plan-used-up": [
        smtp(AUTH, "451 Authentication failed: Maximum credits exceeded", "smtp.sendgrid.net"),
        smtp(DATA, "554 5.7.0 Your plan limit is reached, upgrade your plan"),
    ],
    "sendgrid-credentials": smtp(AUTH, "535 Authentication failed: Bad username / password", "smtp.sendgrid.net"),
    "amazon-credentials": smtp(AUTH, "535 Authentication Credentials Invalid", "email-smtp.eu-west-1.amazonaws.com"),
    "too-many-logins": smtp(AUTH, "454 4.7.0 Too many login attempts, please try again later. - gsmtp"),
    # sender
    "sender-4xx": smtp(SENDER, "451 4.3.0 Temporary lookup failure"),
    "sender-5xx": smtp(SENDER, "553 5.7.0 Sender not welcome"),
    "auth-required": [
        smtp(SENDER, "530 5.7.0 Authentication Required"),
        smtp(RECIPIENT, "530 Authentication required"),
    ],
    "sender-needs-tls": smtp(SENDER, "530 5.7.0 Must issue a STARTTLS command first"),
    "sender-not-owned": [
        smtp(SENDER, "553 5.7.1 <bob@example.org>: Sender address rejected: not owned by user ada"),
        smtp(RECIPIENT, "553 5.7.1 <bob@example.org>: Sender address rejected: not owned by user ada"),
    ],
    "sender-not-verified": [
        smtp(DATA, "554 Message rejected: Email address is not verified. The following identities failed the check"),
        smtp(
            DATA,
            "550 The from address does not match a verified Sender Identity.",
        ),
    ],
    "sender-domain-unknown": [
        smtp(SENDER, "501 5.1.7 Bad sender address syntax"),
        smtp(RECIPIENT, "550 5.1.8 <ada@no.example>: Domain not found"),
    ],
    "sender-domain-unproven": smtp(SENDER, "450 4.1.8 <ada@no.example>: Sender address rejected: Domain not found"),
    "sender-unauthenticated": [
        smtp(DATA, "550 5.7.26 This mail has been blocked because the sender is unauthenticated. - gsmtp"),
        smtp(DATA, "550 5.7.509 Access denied, sending domain example.org does not pass DMARC verification"),
        smtp(RECIPIENT, "550 5.7.23 Message rejected due to SPF fail"),
        smtp(SENDER, "550 SPF check failed"),
    ],
    "address-listed": [
        smtp(RECIPIENT, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"),
        smtp(DATA, "550 5.7.1 Your address is on our blocklist"),
    ],
    "server-storage": smtp(SENDER, "452 4.3.1 Insufficient system storage"),
    # recipients
    "recipient-4xx": smtp(RECIPIENT, "451 4.3.0 Temporary lookup failure"),
    "recipient-5xx": [
        smtp(RECIPIENT, "550 Administrative prohibition"),
        smtp(RECIPIENT, "550 5.7.1 Recipient not authorized, your IP has been found wanting"),
        smtp(RECIPIENT, "554 5.3.2 System not accepting mail"),
    ],
    "recipient-unknown": [
        smtp(
            RECIPIENT, "550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in local recipient table"
        ),
        smtp(RECIPIENT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
    ],
    "recipient-said-unknown": [
        smtp(RECIPIENT, "550 No such user here"),
        smtp(RECIPIENT, "550 Unrouteable address"),
        smtp(RECIPIENT, "554 delivery error: dd This user doesn't have a yahoo.com account [0] - mta1"),
    ],
    "recipient-address": smtp(RECIPIENT, "550 5.1.2 Host or domain name not found"),
    "mailbox-refuses": smtp(RECIPIENT, "550 5.2.0 Mailbox problem"),
    "mailbox-disabled": smtp(RECIPIENT, "550 5.2.1 The email account that you tried to reach is disabled. - gsmtp"),
    "mailbox-full": smtp(RECIPIENT, "552 5.2.2 The email account that you tried to reach is over quota. - gsmtp"),
    "mailbox-full-for-now": smtp(RECIPIENT, "452 4.2.2 The recipient's inbox is out of storage space. - gsmtp"),
    "recipient-too-large": smtp(RECIPIENT, "552 5.2.3 Message exceeds maximum fixed size for this mailbox"),
    "relay-denied": [
        smtp(RECIPIENT, "554 5.7.1 <ada@example.org>: Relay access denied"),
        smtp(RECIPIENT, "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"),
        smtp(RECIPIENT, "550 relay not permitted"),
    ],
    "recipient-not-approved": [
        smtp(
            DATA,
            "554 Sandbox subdomains are for test purposes only. Please add the address to authorized recipients",
            "smtp.mailgun.org",
        ),
        smtp(RECIPIENT, "550 5.7.1 While your account is pending approval, recipients must share the domain of From"),
    ],
    "recipient-suppressed": smtp(
        RECIPIENT, "550 5.7.1 You tried to send to a recipient that has been marked as inactive", "smtp.postmarkapp.com"
    ),
    "recipient-busy": smtp(
        RECIPIENT, "450 4.2.1 The user you are trying to contact is receiving mail too quickly. - gsmtp"
    ),
    "greylisted": [
        smtp(RECIPIENT, "450 4.2.0 <ada@example.org>: Recipient address rejected: Greylisted"),
        smtp(RECIPIENT, "451 4.7.1 Please try again later"),
        smtp(RECIPIENT, "451 Graylisting in action, please come back later"),
    ],
    "too-many-recipients": [
        smtp(RECIPIENT, "452 4.5.3 Your message has too many recipients. - gsmtp"),
        smtp(RECIPIENT, "552 Too many recipients"),
        smtp(RECIPIENT, "550 Too many recipients"),
    ],
    # content
    "data-4xx": smtp(DATA, "451 4.3.0 Error: queue file write error"),
    "data-5xx": smtp(DATA, "503 Bad sequence"),
    "message-too-large": [
        smtp(SENDER, "552 5.3.4 Message size exceeds fixed limit"),
        smtp(DATA, "552 5.3.4 Error: message file too big"),
        smtp(DATA, "552 Message size exceeds maximum permitted"),
    ],
    "data-not-content": [smtp(DATA, "554 5.3.0 Error: mail loop"), smtp(DATA, "554 5.4.14 Hop count exceeded")],
    "attachment-refused": smtp(
        DATA, "552 5.7.0 This message was blocked because its content presents a potential security issue. - gsmtp"
    ),
    "content-refused": [
        smtp(DATA, "554 5.7.1 Message rejected by policy"),
        smtp(DATA, "550 Message rejected"),
    ],
    "spam-refused": smtp(
        DATA, "550 5.7.1 Our system has detected that this message is likely unsolicited mail. - gsmtp"
    ),
    "format-refused": smtp(DATA, "550 5.6.0 Lone CR or LF in body"),
    "sender-mailbox-full": smtp(
        DATA, "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException", OFFICE
    ),
}
