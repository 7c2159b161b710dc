"""The ground: errors, files, checks, optional imports, the naming rule. Imports nothing else of this project."""
