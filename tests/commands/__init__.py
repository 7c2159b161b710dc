"""Tests of kindling/commands."""
