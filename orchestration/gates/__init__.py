"""Nothing passes that breaks a promise: suites and balances as blocking checks."""
