"""The sealed directory that one model is: written, read, found. Translates nothing."""
