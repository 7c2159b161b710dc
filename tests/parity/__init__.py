"""Tests of kindling/parity."""
