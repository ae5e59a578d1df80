"""The local clouds: real where they can be, honest where they cannot."""
