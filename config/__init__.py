"""The standalone console: exactly what a host project would write."""
