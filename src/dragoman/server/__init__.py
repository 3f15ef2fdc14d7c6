"""`dragoman serve`: translation over HTTP, for our own page and for clients written for others. Needs extra [serve]."""
