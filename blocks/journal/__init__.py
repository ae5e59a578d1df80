"""The journal: our own database of what was seen, decided and done."""
