"""Tests of kindling/training."""
