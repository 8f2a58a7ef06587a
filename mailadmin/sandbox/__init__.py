"""A local SMTP server and a Graph and Entra simulator, to point routes at and to rehearse failures."""
