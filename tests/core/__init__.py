"""Tests of kindling/core."""
