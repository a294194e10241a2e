"""How well and how fast records of one person are found: `python -m benchmarks.identity`."""
