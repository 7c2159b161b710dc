"""Formats of bytes that checkpoints are kept in; nothing in here knows KinD."""
