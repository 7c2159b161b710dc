"""`python -m convert SRC DST` is `kindling convert SRC DST`."""

import sys

from kindling.cli import main

sys.exit(main(["convert", *sys.argv[1:]]))
