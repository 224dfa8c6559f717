"""What administrators change, and the rules for it: nothing is deleted, all is on record."""
