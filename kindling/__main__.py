"""`python -m kindling` is `kindling`, also where no script of that name was installed."""

import sys

from kindling.cli import main

sys.exit(main())
