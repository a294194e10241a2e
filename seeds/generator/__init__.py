"""The generated retail world: people, what they do, and the extracts that the sources would send about it.

`python -m seeds.generate` and `c360 generate` call `seeds.generate.generate`. Nothing here reads the warehouse;
nothing of the pipeline reads this package. Every number and word list lies in `data/*.csv`.
"""
