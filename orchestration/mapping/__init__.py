"""Which column of which contract a file with headers of its own means. Plain Python; no stage of the run."""
