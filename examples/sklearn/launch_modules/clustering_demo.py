"""Sorts wines into three groups by their chemistry, and compares them with the true growers."""

import argparse

from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main() -> None:
    parser = argparse.ArgumentParser(prog="clustering-demo", description=__doc__)
    parser.add_argument("--groups", type=int, default=3, help="how many groups to look for")
    options = parser.parse_args()

    chemistry, growers = load_wine(return_X_y=True)
    model = make_pipeline(
        StandardScaler(), KMeans(n_clusters=options.groups, n_init=10, random_state=0)
    )
    groups = model.fit_predict(chemistry)
    agreement = adjusted_rand_score(growers, groups)
    print(f"clustering: {len(groups)} wines in {options.groups} groups, agreement {agreement:.2f}")


if __name__ == "__main__":
    main()
