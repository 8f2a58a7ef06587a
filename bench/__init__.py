"""Benchmarks: mailadmin beside its peers, in one run, as ratios. `make bench` runs them; docs/performance.md tells."""
