"""What a night costs: by what it brings, and by how long the history is."""
