"""Tables, constraints and querysets; a row turns into a value of `core.settings`."""
