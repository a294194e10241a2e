"""Policy, reference data, sample extracts, and the generator of retail worlds."""
