"""What `cargo xtask bench discovery` has Python do beyond the peer kit.

    python discovery.py seeds DATA N_CLUSTERS N_SEEDS

fits scikit-learn's k-means once for each seed, with its own seeding and no restart, and
prints one JSON line with the inertias.

    python discovery.py mixture DATA MEANS N_ITER

fits scikit-learn's diagonal mixture from the means of a file, equal weights and the columns'
variances, in exactly so many steps (the start is told in full, so that another engine takes the
same steps), and prints one JSON line with the log-likelihood per row.

    python discovery.py apart FILE

writes 100,000 rows by 20 in eight round clusters that lie apart.

    python discovery.py select DATA

chooses the number of clusters, 2 to 10, by the silhouette of scikit-learn's k-means, as the kit
does: one fit on all rows each, no restart, the silhouette on a sample of 10,000.

    python discovery.py exact-silhouette DATA N_ROWS N_CLUSTERS

times one silhouette over that many rows, each compared with each: what scikit-learn would need
for all of them grows with the square.
"""
import json, sys, time, warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture

# Added to every variance, on either side.
COVARIANCE_FLOOR = 1e-6


def seeds(data, n_clusters, n_seeds):
    rows = np.load(data)
    start = time.perf_counter()
    fits = [KMeans(n_clusters, n_init=1, max_iter=300, tol=1e-4, random_state=seed).fit(rows) for seed in range(n_seeds)]
    seconds = time.perf_counter() - start
    print(json.dumps({"engine": "sklearn", "seconds": seconds, "inertias": [float(fit.inertia_) for fit in fits]}))


def mixture(data, means, n_iter):
    rows, means = np.load(data), np.load(means)
    n_components = len(means)
    precision = 1.0 / (rows.var(axis=0, dtype=np.float64) + COVARIANCE_FLOOR)
    mixture = GaussianMixture(
        n_components,
        covariance_type="diag",
        means_init=means,
        weights_init=np.full(n_components, 1.0 / n_components),
        precisions_init=np.tile(precision, (n_components, 1)),
        init_params="random_from_data",
        reg_covar=COVARIANCE_FLOOR,
        max_iter=n_iter,
        tol=0.0,
        random_state=0,
    )
    # That it stops before it rests is asked of it.
    warnings.simplefilter("ignore", ConvergenceWarning)
    start = time.perf_counter()
    mixture.fit_predict(rows)
    seconds = time.perf_counter() - start
    reached = {"iters": int(mixture.n_iter_), "log_likelihood": float(mixture.score(rows))}
    print(json.dumps({"engine": "sklearn", "seconds": seconds, **reached}))


def apart(path):
    chance = np.random.default_rng(7)
    centres = chance.normal(0, 4.0, (8, 20))
    labels = chance.integers(0, 8, 100_000)
    np.save(path, (centres[labels] + chance.normal(0, 1, (100_000, 20))).astype(np.float32))


def select(data):
    rows = np.load(data)
    sample = np.random.default_rng(0).choice(len(rows), min(10_000, len(rows)), replace=False)
    silhouettes = {}
    start = time.perf_counter()
    for n_clusters in range(2, 11):
        fit = KMeans(n_clusters, n_init=1, max_iter=100, tol=1e-4, random_state=0).fit(rows)
        silhouettes[n_clusters] = float(silhouette_score(rows[sample], fit.labels_[sample]))
    seconds = time.perf_counter() - start
    best = max(silhouettes, key=silhouettes.get)
    print(json.dumps({"engine": "sklearn", "seconds": seconds, "quality": {"best_k": best}}))


def exact_silhouette(data, n_rows, n_clusters):
    rows = np.load(data)[:n_rows]
    labels = KMeans(n_clusters, n_init=1, random_state=0).fit_predict(rows)
    start = time.perf_counter()
    found = silhouette_score(rows, labels)
    seconds = time.perf_counter() - start
    print(json.dumps({"engine": "sklearn", "seconds": seconds, "quality": {"silhouette": float(found)}}))


if sys.argv[1] == "seeds":
    seeds(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
elif sys.argv[1] == "mixture":
    mixture(sys.argv[2], sys.argv[3], int(sys.argv[4]))
elif sys.argv[1] == "apart":
    apart(sys.argv[2])
elif sys.argv[1] == "select":
    select(sys.argv[2])
elif sys.argv[1] == "exact-silhouette":
    exact_silhouette(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    sys.exit(__doc__)
