"""How a trace is recorded: passes, beam, proofs, teaching, breaking. Draws nothing."""
