"""What stands before and behind every route of the cloud: where a request may come from, how many
of them, and what a browser is told to keep to."""
