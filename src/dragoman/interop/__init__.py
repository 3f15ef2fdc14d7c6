"""Models to and from the formats of others."""
