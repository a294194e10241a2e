"""The explorer: a page for looking customers and audiences up in the published version."""
