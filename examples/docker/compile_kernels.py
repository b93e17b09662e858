"""Compile the kernels that most fits need, so that numba's cache has them."""

import scipy.sparse as sp

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture


def main():
    X, _ = make_vmf_mixture(300, 16, 3, concentration=60.0, random_state=0)
    for rows in (X, X.astype("float32"), sp.csr_array(X)):
        for smooth in (False, True):
            VMFMixture(3, smooth=smooth, random_state=0).fit(rows).predict(rows)


if __name__ == "__main__":
    main()
