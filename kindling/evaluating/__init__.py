"""Enhanced photos measured against well-lit partners."""
