"""Landing zone to raw Parquet: every file read, every line numbered, nothing interpreted."""
