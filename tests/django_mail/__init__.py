"""Django's own mail tests, from the source of the installed version, run against `mailadmin.backends.EmailBackend`.

`make django-tests` fetches the source distribution of the installed Django (the wheel has no tests) into
`.cache/` and runs the classes that every backend must pass, and those tests of its SMTP backend that make
sense where the settings are rows in a database.
"""
