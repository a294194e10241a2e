"""Alerts: what is wrong now, told once to whom it concerns, and once more when it is over."""
