"""Tests of kindling/photos."""
