"""AWS: what its resources and CloudWatch say, and what restarts them, through prefect-aws credentials."""
