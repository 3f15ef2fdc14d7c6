"""Work over many files and many processes. Knows what is done to a file, and not how it is asked for."""
