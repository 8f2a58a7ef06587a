"""The only room that opens sockets: the guarded dialler, TLS, and the HTTP client's adapter."""
