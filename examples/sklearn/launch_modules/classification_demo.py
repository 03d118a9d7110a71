"""Learns to read handwritten digits, and tells how well it does on ones it has not seen."""

import argparse

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main() -> None:
    parser = argparse.ArgumentParser(prog="classification-demo", description=__doc__)
    parser.add_argument("--test-share", type=float, default=0.25, help="share kept for the test")
    options = parser.parse_args()

    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        images, labels, test_size=options.test_share, random_state=0, stratify=labels
    )
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(seen, seen_labels)
    accuracy = classifier.score(unseen, unseen_labels)
    print(f"classification: {accuracy:.1%} of {len(unseen)} unseen digits read correctly")


if __name__ == "__main__":
    main()
