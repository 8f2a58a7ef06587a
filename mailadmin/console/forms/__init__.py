"""The forms of the console: explicit fields, write-only secrets, one sentence for each bad input."""
