"""The subcommands, one file each; kindling/cli.py imports one only when it is called."""
