"""Tests of kindling/api."""
