"""A trace drawn in characters. Computes nothing."""
