"""The settings rows in Django's admin: to look at, with a link to their page in the console."""
