"""The commands of `vigie`, one file a group."""
