"""What is measured, against whom, and the last results as files."""
