"""The promise of each table: contracts, expectation suites, and how they are checked. No Dagster."""
