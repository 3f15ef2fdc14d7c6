"""What Dragoman does in a turn: the counterpart of the peers. Compares nothing."""
