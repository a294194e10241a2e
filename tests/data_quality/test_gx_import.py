"""Great Expectations comes without SciPy's statistics, and gets them when it asks."""

import subprocess
import sys

_CLAIMS = """
import sys
from data_quality.gx_import import import_great_expectations

import_great_expectations()
assert "scipy.stats" not in sys.modules, "loaded by the import"
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as comparing

assert "scipy.stats" not in sys.modules, "loaded by an expectation"
assert comparing.stats.norm.cdf(0) == 0.5
import scipy.stats

assert scipy.stats.__file__ and scipy.stats.norm is comparing.stats.norm
"""


def test_statistics_are_imported_when_an_expectation_asks_for_them() -> None:
    subprocess.run([sys.executable, "-c", _CLAIMS], check=True)
