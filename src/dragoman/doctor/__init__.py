"""`dragoman doctor`: proves on somebody's own model that it is wired right. examination.py is where to begin."""
