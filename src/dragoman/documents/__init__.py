"""Files and marked-up text as segments and back, one file a format. Calls no model: it is handed what translates."""
