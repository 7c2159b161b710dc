"""What tests share: weights, goldens, checkpoints and tables of facts. Tests import from here only."""
