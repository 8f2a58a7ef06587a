"""Settings as code: one TOML file out of the console's settings, what it would change, and applying it."""
