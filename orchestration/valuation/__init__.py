"""Valuation: what a customer will buy and be worth, fitted on purchases up to each day of evaluation."""
