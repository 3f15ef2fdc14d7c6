"""What Dragoman does in a turn: the counterpart of the peers. Compares nothing."""

import dragoman  # noqa: F401 - before torch, whose threads else count while they wait (dragoman/processor.py)
