"""What runs, and in which order: landing zone, raw, clean, identity, warehouse, gates, publication."""
