"""Photos as files: finding, reading and writing them, and what is made of each."""
