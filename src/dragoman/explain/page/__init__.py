"""A trace drawn in a browser. Computes nothing."""
