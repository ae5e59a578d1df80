"""The private cloud: what its servers and its own services say, and what acts on them, through openstacksdk."""
