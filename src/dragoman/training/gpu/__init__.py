"""What makes training fast on a GPU: static shapes, whole steps as graphs. Imported only where there is one to use."""
