# /// script
# requires-python = ">=3.11"
# dependencies = ["pymc-marketing==0.19.2"]
# ///
"""PyMC-Marketing's BG/NBD with flat priors, fitted by maximum a posteriori: which is the greatest likelihood."""

import json
import sys
import time
import warnings

import pandas as pd

warnings.filterwarnings("ignore")

from pymc_extras.prior import Prior  # noqa: E402
from pymc_marketing import clv  # noqa: E402


def main() -> None:
    """Read frequency, recency and T from a CSV; print parameters, forecasts for a customer, and seconds."""
    data = pd.read_csv(sys.argv[1])
    flat = {name: Prior("HalfFlat") for name in ("r", "alpha", "a", "b")}
    started = time.perf_counter()
    model = clv.BetaGeoModel(data=data, model_config=flat)
    model.build_model()
    model.fit(method="map", progressbar=False)
    seconds = time.perf_counter() - started
    found = {name: float(model.fit_result[name].mean()) for name in ("r", "alpha", "a", "b")}
    one = pd.DataFrame({"customer_id": [1516], "frequency": [26], "recency": [30.857142857], "T": [31.0]})
    found["expected_52_weeks"] = float(model.expected_purchases(one, future_t=52).mean())
    found["p_alive"] = float(model.expected_probability_alive(one).mean())
    sys.stdout.write(json.dumps({**found, "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
