"""The ways to sign in, one file each; `auth` chooses among them."""
