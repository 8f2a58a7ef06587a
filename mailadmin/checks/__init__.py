"""Django's system checks: what is set up wrongly in this deployment, said before the first message.

No check opens a socket, and only those that say so read the database (Django runs them with `check --database default`
and before `migrate`). The ids are stable, so that `SILENCED_SYSTEM_CHECKS` can name them.

| id | what |
|---|---|
| E001 | no encryption key, or a key or key file that cannot be used |
| E002 | `MAILADMIN` has entries that do not exist, or of the wrong type |
| E003-E008 | an app that the console needs is missing from `INSTALLED_APPS` |
| E009 | there is no Django template engine that finds templates inside apps |
| E010 | the key file lies in a folder that the web server gives out |
| E011-E013 | a context processor that the console's templates need is missing |
| E014-E016 | a middleware that the console needs is missing |
| E020 | `MAILADMIN["QUEUE_WAKE"]` names a task queue that is not there |
| E021 | a last resort names no other mailer of this project |
| W001 | everybody on the server may read or change the key file |
| W002 | no mailer of this project sends through mailadmin |
| W003 | the generation file cannot be written, so that a copied or restored database is not noticed by its age |
| W010 | (`check --deploy`) the sandbox is allowed on a production site |
| W011 | (`check --deploy`) a password of the project's own mail settings would leave without encryption |
| W012 | (`check --deploy`) DEBUG is on: error pages show settings and addresses to everybody |
| W020 | (`check --database`) no route is enabled, so that no mail can leave |
| W021 | (`check --database`) a connection sends its password without encryption |
| W022 | (`check --database`) messages are queued, and no worker runs |
| W030 | the HTTP API is mounted, and the delivery log, which it reads, is off |
"""

from . import api, console, database, deploy, mailers, settings
from .common import BACKEND, TAG

__all__ = ["BACKEND", "TAG", "api", "console", "database", "deploy", "mailers", "settings"]
