"""How a message leaves: one folder for each kind of route, behind the contract in `base`."""
