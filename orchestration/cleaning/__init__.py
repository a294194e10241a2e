"""Raw text to typed, standardised, de-duplicated rows; what breaks its contract goes to quarantine."""
