"""`python -m dragoman`: the command line, where the `dragoman` script is not on the path."""

from __future__ import annotations

import sys

from dragoman.cli import main

sys.exit(main())
