"""Reports: what a sweep says to people who read it later."""
