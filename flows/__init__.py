"""What a person can start; one file a flow."""
