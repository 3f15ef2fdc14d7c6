"""Sentence pairs and lines: read, fetched, cleaned, stored as ids, cut into batches. Knows no model."""
