"""Microsoft's national clouds (source: learn.microsoft.com, "national clouds" of the identity platform
and "national cloud deployments" of Microsoft Graph)."""

from __future__ import annotations

from .settings import Cloud

GLOBAL, GCC_HIGH, DOD, CHINA, CUSTOM = "global", "gcc-high", "dod", "china", "custom"

CLOUDS: dict[str, Cloud] = {
    GLOBAL: Cloud(
        GLOBAL,
        authority_host="login.microsoftonline.com",
        graph_host="graph.microsoft.com",
        mail_hosts=("smtp.office365.com", "smtp-mail.outlook.com", "outlook.office365.com"),
        smtp_scope="https://outlook.office365.com/.default",
    ),
    GCC_HIGH: Cloud(
        GCC_HIGH,
        authority_host="login.microsoftonline.us",
        graph_host="graph.microsoft.us",
        mail_hosts=("smtp.office365.us", "outlook.office365.us"),
        smtp_scope="https://outlook.office365.us/.default",
    ),
    DOD: Cloud(
        DOD,
        authority_host="login.microsoftonline.us",
        graph_host="dod-graph.microsoft.us",
        mail_hosts=("smtp.office365.us", "outlook-dod.office365.us"),
        smtp_scope="https://outlook-dod.office365.us/.default",
    ),
    CHINA: Cloud(
        CHINA,
        authority_host="login.partner.microsoftonline.cn",
        graph_host="microsoftgraph.chinacloudapi.cn",
        mail_hosts=("smtp.partner.outlook.cn", "partner.outlook.cn"),
        smtp_scope="https://partner.outlook.cn/.default",
    ),
}

# What the SPF record of a sender includes (Microsoft: "Set up SPF to identify valid email sources").
SPF: dict[str, str] = {
    GLOBAL: "spf.protection.outlook.com",
    GCC_HIGH: "spf.protection.office365.us",
    DOD: "spf.protection.office365.us",
    CHINA: "spf.protection.partner.outlook.cn",
}


def of_mail_host(host: str) -> str:
    """Return the name of the cloud to which the mail server `host` belongs, "" for any other server."""
    bare = host.lower().removesuffix(".")
    return next((name for name, cloud in CLOUDS.items() if bare in cloud.mail_hosts), "")


def cloud(
    name: str,
    *,
    authority_host: str = "",
    graph_host: str = "",
    mail_hosts: tuple[str, ...] = (),
    ca_pem: str = "",
) -> Cloud:
    """Return the cloud called `name`, with `mail_hosts` added to its own and `ca_pem` as extra trust.

    For the custom cloud both hosts are the typed ones, and tokens for SMTP are asked from the first
    mail host. Raises KeyError for a name that is not known.
    """
    if name == CUSTOM:
        scope_host = mail_hosts[0] if mail_hosts else graph_host
        return Cloud(name, authority_host, graph_host, mail_hosts, f"https://{scope_host}/.default", ca_pem)
    known = CLOUDS[name]
    return Cloud(
        known.name,
        known.authority_host,
        known.graph_host,
        known.mail_hosts + tuple(host for host in mail_hosts if host not in known.mail_hosts),
        known.smtp_scope,
        ca_pem,
    )
