"""From next-token probabilities to sequences."""
