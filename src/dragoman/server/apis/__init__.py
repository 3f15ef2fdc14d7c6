"""One file for each API that clients speak. None translates."""
