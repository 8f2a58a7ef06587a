"""The step ladders: they walk the very session and client that sending uses."""
