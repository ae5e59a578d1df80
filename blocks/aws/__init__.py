"""AWS: what its resources and CloudWatch say, through prefect-aws credentials."""
