"""The private cloud: what its servers and its own services say, through openstacksdk."""
