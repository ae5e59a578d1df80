"""Who may approve, as saved by `vigie apply`, and the key that opens their secrets."""
