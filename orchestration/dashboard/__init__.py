"""One HTML file per published version that shows how the customers are: charts of aggregates, no server, no network."""
