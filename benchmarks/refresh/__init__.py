"""What a refresh costs: by stage, by size, against a floor, and for a night with little news."""
