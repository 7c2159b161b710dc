"""Tests of kindling/enhancing."""
