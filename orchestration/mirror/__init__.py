"""The published version in a PostgreSQL server, for tools that want one."""
