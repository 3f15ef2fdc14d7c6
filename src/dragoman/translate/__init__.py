"""Text to text: the single door, and what stands behind it."""
