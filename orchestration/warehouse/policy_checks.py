"""Every check of the policy tables, in the order in which one relies on another.

What belongs here: which checks there are. What does not: what each of them asks (`policy_files.py`, `named_rows.py`,
`scheme_files.py`, `audience_files.py`, `kpi_files.py`, `service_files.py`, `working_time_files.py`, `rule_tables.py`,
and `valuation/policy.py`).
"""

from pathlib import Path

from data_quality.contract import CONTRACTS_DIR
from orchestration.policy_tables import BESIDE_LINEAGE, POLICIES
from orchestration.valuation.policy import load_policies
from orchestration.warehouse.audience_files import check_audience_files
from orchestration.warehouse.kpi_files import check_kpi_files
from orchestration.warehouse.named_rows import check_named_rows
from orchestration.warehouse.policy_files import REFERENCES, check_nothing_unread, check_policy_files
from orchestration.warehouse.rule_tables import read_rules
from orchestration.warehouse.scheme_files import check_scheme_files
from orchestration.warehouse.service_files import check_service_files
from orchestration.warehouse.working_time_files import check_working_time_files

# The shape of the policies that Python reads stands beside the contracts of the data.
READ_BY_PYTHON = CONTRACTS_DIR.parent / "policies.yml"


def check_policies(policy_dir: Path, reference_dir: Path, models_dir: Path) -> list[str]:
    """Refuse policies that nobody can have meant, before anything is run by them.

    Args:
        policy_dir: The folder of the policy tables and of `warehouse_policies.yml`.
        reference_dir: The folder of the reference tables and of `warehouse_references.yml`.
        models_dir: The folder of the dbt models, whose yml files say which columns rules may name.

    Returns:
        The names of the policy tables that models read.

    Raises:
        UserError: a table is wrong; the message names file, row, value and what to do.
    """
    tables = check_policy_files(policy_dir)
    check_policy_files(policy_dir, str(READ_BY_PYTHON))
    check_nothing_unread(policy_dir, [*tables, *POLICIES, *BESIDE_LINEAGE])
    check_policy_files(reference_dir, REFERENCES)
    check_scheme_files(policy_dir)
    check_named_rows(policy_dir)
    check_named_rows(policy_dir, str(READ_BY_PYTHON))
    load_policies(policy_dir)
    check_working_time_files(policy_dir, reference_dir)
    check_service_files(policy_dir)
    check_kpi_files(policy_dir)
    check_audience_files(policy_dir, models_dir)
    read_rules(policy_dir, models_dir)
    return tables
