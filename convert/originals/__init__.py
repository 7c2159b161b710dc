"""The authors' own weights: where they are, and how to get them."""
