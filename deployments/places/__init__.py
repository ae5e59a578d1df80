"""How server, worker, gateway and journal are placed for real, outside the sites they guard: docs/placing.md."""
