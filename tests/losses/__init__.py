"""Tests of kindling/losses."""
