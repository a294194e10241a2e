"""Which records are one person: links, customers, golden record, history of ids."""
