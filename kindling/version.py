"""The version of the distribution, which setup.py reads from here too."""

__version__ = "0.1.0"
