"""The private cloud: what its servers and its own services say, and what restarts them, through openstacksdk."""
