"""dbt on the working database: staging, intermediate, marts."""
