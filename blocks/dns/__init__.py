"""Name servers, told where clients go: the key, the wire, and the switch."""
