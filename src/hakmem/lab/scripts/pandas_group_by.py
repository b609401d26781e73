"""pandas group-by: sums, joins and tables over 50,000 rows with keys of text.

An operation is one round: a new column, two group-bys, a join, a sort.
"""

import numpy as np
import pandas as pd
from lab_protocol import Run, operations

_ROWS = 50_000
_CUSTOMERS = 2000


def sales(seed: int) -> pd.DataFrame:
    """Whole numbers alone, so that sums are exact in whatever order they are made."""
    choice = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer": choice.integers(0, _CUSTOMERS, _ROWS),
            "product": [f"product {number}" for number in choice.integers(0, 300, _ROWS)],
            "count": choice.integers(1, 20, _ROWS),
            "price": choice.integers(100, 10_000, _ROWS),
        }
    )


def main() -> None:
    """Makes as many rounds as the command line says."""
    count = operations()
    run = Run()
    frame = sales(8)
    customers = pd.DataFrame(
        {"customer": range(_CUSTOMERS), "town": [f"town {number % 97}" for number in range(_CUSTOMERS)]}
    )
    run.point(int(frame.memory_usage(deep=True).sum() + customers.memory_usage(deep=True).sum()))
    with run.timed():
        for number in range(count):
            frame["turnover"] = frame["count"] * frame["price"] + number
            by_product = frame.groupby("product", sort=True).agg(
                {"turnover": "sum", "count": "max", "customer": "nunique"}
            )
            joined = frame[frame["count"] > number % 10].merge(customers, on="customer")
            by_town = joined.groupby(["town", "product"], sort=True)["turnover"].sum().reset_index()
            best = by_town.sort_values(["turnover", "town", "product"], ascending=False).head(20)
            run.check(int(by_product.to_numpy().sum()), best["town"].str.cat(sep=","), len(by_town))
    run.result(count)


if __name__ == "__main__":
    main()
