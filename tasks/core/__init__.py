"""What every step is made with."""
