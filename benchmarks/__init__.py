"""Measurements: speed and memory (`make bench`), and the figures in docs/parity.md."""
