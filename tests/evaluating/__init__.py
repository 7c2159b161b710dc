"""Tests of kindling/evaluating."""
