"""What a full rebuild costs: by stage and size, against a floor, pandas and Splink."""
