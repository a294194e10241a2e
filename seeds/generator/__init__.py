"""The generated retail world: people, what they do, and the extracts that the sources would send about it.

`c360 generate` calls `seeds.generate.generate`. Nothing here reads the warehouse;
nothing of the pipeline reads this package. Every number and word list lies in `data/*.csv`.
"""
