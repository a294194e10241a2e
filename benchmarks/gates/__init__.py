"""What the gates cost: by suite and check, and as a share of the refresh they stand in."""
