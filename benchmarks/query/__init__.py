"""What readers of the published file wait for: twelve questions, by size, one reader and four."""
