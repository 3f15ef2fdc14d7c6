"""`dragoman` whose ranks wait for each other 6 seconds instead of two minutes, for the test of a host that vanishes."""

from __future__ import annotations

import sys

from dragoman.cli import main
from dragoman.training.ranks import group

group.TIMEOUT, group.SILENCE = 6.0, 4.0
sys.exit(main())
