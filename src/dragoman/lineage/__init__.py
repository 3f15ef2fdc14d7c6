"""The systems before the Transformer and after it, one file each. They know ids and arrays, no files of text."""
