"""What each policy table is for that Python reads as it is, and no dbt model does.

What belongs here: one description per file, which lineage (`assets.py`) and the policy page (`policy_docs.py`) show.
What does not: the tables of the models (`seeds/policy/warehouse_policies.yml`), and reading any of these files.
"""

POLICIES = {
    "blocked_identifiers": "Numbers and addresses that many people share and that therefore link nobody. "
    "One row per value and first day of validity.",
    "blocked_values": "Phones, email addresses and addresses that stand for `not given`. "
    "One row per value or pattern and first day of validity.",
    "blocking_rules": "Keys that two records must share to be compared at all. "
    "One row per blocking rule and first day of validity.",
    "comparison_levels": "How much each level of agreement speaks for one person, before training. "
    "One row per comparison level and first day of validity.",
    "identity_limits": "Probabilities and sizes from which records are joined, queued for review or taken apart. "
    "One row per limit and first day of validity.",
    "identity_rules": "Strong identifiers that join records, with the confidence such a link carries. "
    "One row per rule and first day of validity.",
    "match_priors": "How likely two random records are one person, by how many records there are, before training. "
    "One row per number of records and first day of validity.",
    "name_thresholds": "Frequencies and lengths from which a text is read as a name. "
    "One row per threshold and first day of validity.",
    "null_tokens": "Texts that mean `not given`, by type of column. One row per text and type of column.",
    "phone_default_regions": "Regions whose numbering plan reads a phone without a country code, in order. "
    "One row per region and first day of validity.",
    "doubtful_values": "Values that are loaded and that a person should look at. "
    "One row per rule, column and first day of validity.",
    "drift_rules": "What a change in what a source delivers means: nothing, a warning, or no publication; the most "
    "specific row wins. One row per finding, source, dataset, column and first day of validity.",
    "drift_settings": "What a delivery is compared with. One row per setting and first day of validity.",
    "household_rules": "What says that customers share a home. One row per rule and first day of validity.",
    "publication": "How many published versions are kept, how long, and how long a file is carried on. "
    "One row per setting and first day of validity.",
    "reading_limits": "How large and how broken a delivered file may be. One row per limit and first day of validity.",
    "scorecard_targets": "From which share of good values a field is green, yellow or red; the most specific row wins. "
    "One row per dimension, source, dataset, field and first day of validity.",
    "source_trust": "Which source is believed where sources differ. One row per source and first day of validity.",
    "value_model": "When a fit of customer value is trusted, and what stands in for it. "
    "One row per setting and first day of validity.",
    "survivorship": "How the surviving value of each field of a customer is chosen. "
    "One row per field and first day of validity.",
}

# What decides about watching and exporting: no table is made from it, so it has no place in lineage.
BESIDE_LINEAGE = {
    "alerts": "Which cause of alarm is told on which channel, and from which size on. "
    "One row per cause, channel and first day of validity.",
    "header_mapping": "From which likeness on `c360 contract suggest` takes a header for a column. "
    "One row per setting and first day of validity.",
    "export_roles": "Who may export, and who of them sees contact data. One row per role and first day of validity.",
    "retention": "How many days of deliveries raw keeps. One row per setting and first day of validity.",
    "freshness": "How old the tables of a stage may be. One row per group of assets and first day of validity.",
}
