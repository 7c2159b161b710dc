"""Tests of kindling/ray; this file makes them `tests.ray`, so that `import ray` is the library."""
