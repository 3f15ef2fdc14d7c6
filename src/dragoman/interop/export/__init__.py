"""Models for other people's programs, each proved equal to the one here before it gets its name. writing.py begins."""
