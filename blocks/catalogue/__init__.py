"""What a platform is."""
