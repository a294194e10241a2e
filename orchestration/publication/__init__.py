"""What passed is built aside, checked and switched in atomically for BI tools."""
