"""What every request passes, whatever it asks for: keys, limits, refusals, the log."""
