"""The manager's routes, one file for each page or form."""
