"""Hostile checkpoints, built when the tests run, and shown to be refused without effect."""
