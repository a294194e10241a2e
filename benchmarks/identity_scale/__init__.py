"""What identity resolution costs by the number of records: `python -m benchmarks.identity_scale`."""
