"""What losses share, whatever the framework: how a sum of them is written, and their constants."""
