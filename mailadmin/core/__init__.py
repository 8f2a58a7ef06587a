"""Pure rules: no Django, no sockets, no clock of its own. Every other room may import this one."""
