"""The pipeline on one set, in a process of its own; also what the rivals get: the cleaned members and accounts.

What belongs here: running and measuring ours. What does not: the table (`__main__`).
"""

import json
import resource
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.identity.errors import explain_errors
from benchmarks.identity.measures import quality
from benchmarks.identity.pipeline import assignments, ingest_and_clean, run_identity
from benchmarks.identity.sets import END
from orchestration import database
from orchestration.settings import Settings

PEOPLE = "x.source in ('pos.members', 'ecommerce.customers')"


def main() -> None:
    """Resolve the landing zone named second; write `people.parquet` and `ours.json` beside it."""
    landing, truth = Path(sys.argv[2]), sys.argv[3]
    folder = landing.parent
    shutil.rmtree(folder / "warehouse", ignore_errors=True)
    settings = Settings(landing=landing, warehouse=folder / "warehouse", as_of=END)
    ingest_and_clean(settings)
    run = run_identity(settings)
    people = folder / "people.parquet"
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with database.connect(settings) as con:
        everyone = quality(assignments(con, truth, "x.customer_id is not null"))
        known = quality(assignments(con, truth, PEOPLE))
        errors = explain_errors(con, settings, truth)
        con.execute(
            f"""
            copy (
                select x.source || '|' || x.record_key as id, x.name, n.surname, n.given_name,
                    coalesce(p.e164, x.phone) as phone, x.email, x.birthday, x.gender, x.city, x.address, x.id_card
                from (
                    select 'pos.members' as source, record_key, name, phone, null::varchar as email,
                        birthday::varchar as birthday, gender, city, address, id_card from clean.pos_members
                    union all
                    select 'ecommerce.customers', record_key, name, phone, email, birthday::varchar, gender, city,
                        address, null from clean.ecommerce_customers
                ) as x
                left join clean.names as n on n.value = x.name
                left join clean.phones as p on p.value = x.phone
                order by id
            ) to '{people}' (format parquet)
            """
        )
    found = {
        "people": asdict(known),
        "everyone": asdict(everyone),
        "seconds": run.seconds["identity"],
        "peak_mb": peak_mb,
        "errors": errors,
        "report": run.report,
    }
    (folder / "ours.json").write_text(json.dumps(found, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
