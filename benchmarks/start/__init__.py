"""How long it takes until the first asset starts, and what that time goes into."""
