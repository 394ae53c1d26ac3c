"""What `cargo xtask bench discovery` has Python do beyond the peer kit.

    python discovery.py seeds DATA N_CLUSTERS N_SEEDS

fits scikit-learn's k-means once for each seed, with its own seeding and no restart, and
prints one JSON line with the inertias.
"""
import json, sys, time

import numpy as np
from sklearn.cluster import KMeans


def seeds(data, n_clusters, n_seeds):
    rows = np.load(data)
    start = time.perf_counter()
    fits = [KMeans(n_clusters, n_init=1, max_iter=300, tol=1e-4, random_state=seed).fit(rows) for seed in range(n_seeds)]
    seconds = time.perf_counter() - start
    print(json.dumps({"engine": "sklearn", "seconds": seconds, "inertias": [float(fit.inertia_) for fit in fits]}))


if sys.argv[1] == "seeds":
    seeds(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    sys.exit(__doc__)
