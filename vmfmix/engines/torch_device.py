"""The engine for rows on a device that torch knows: a GPU, or the CPU in tests.

Rows stay where they are. A pass goes through them by blocks: log joints by one matrix product,
their softmax, and sums by another product; blocks are summed in float64 where the device has it.
What leaves the device is of the size of the components, or one number for each row.

Products are made in the precision that torch is set to: float32, or TensorFloat-32 after
`torch.set_float32_matmul_precision("high")`, which rounds both factors to 11 bits.
"""

import warnings

import numpy as np
import scipy.sparse as sp
import torch

from vmfmix.distribution import log_normalizer
from vmfmix.engines.base import MOST_ROUNDING, NO_DIRECTION, Assignment, Engine, row_blocks
from vmfmix.model.statistics import SufficientStatistics

_SCORES_PER_BLOCK = {"cpu": 2**19}
_SCORES_PER_BLOCK_OF_A_GPU = 2**26  # a quarter of a gigabyte: large products are the fastest
_FEWEST_ROWS_PER_BLOCK = 256
_ROWS_PER_SUM = 2**15  # about: of blocks whose sums are added before they become float64
_SHORTEST, _LONGEST = 1e-18, 1e18  # lengths whose products with a mean stay within float32


# Used as they are; what is none of these becomes float64.
_DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.int8, torch.uint8),
)


def prepare_tensor(X, device=None):
    """A tensor of rows as an engine takes it.

    Parameters
    ----------
    X : torch.Tensor
        Gradients are left aside.
    device : str or torch.device, default=None
        Where it is to be computed; None: where X lies.

    Returns
    -------
    torch.Tensor, or ndarray where X lies on the CPU and no device is given

    Raises
    ------
    ValueError
        If X is sparse, complex, not finite or of the wrong shape.
    """
    if X.layout != torch.strided:
        raise ValueError(
            f"X is a tensor with the layout {X.layout}; pass a dense tensor, or a CSR matrix of "
            "SciPy."
        )
    if X.is_complex():
        raise ValueError("Complex data not supported: X is a complex tensor; pass real numbers.")
    X = X.detach()
    X = X if X.dtype in _DTYPES else X.to(_widest(X.device))
    if device is None and X.device.type == "cpu":
        return (X.float() if X.dtype == torch.bfloat16 else X).numpy()
    if X.ndim != 2 or X.shape[0] < 1 or X.shape[1] < 2:
        raise ValueError(
            f"X is a tensor of shape {tuple(X.shape)}; pass one of shape (n_samples, n_features) "
            "with at least one row and two features."
        )
    for rows in row_blocks((0, X.shape[0]), max(_SCORES_PER_BLOCK_OF_A_GPU // X.shape[1], 1)):
        if not torch.isfinite(X[rows]).all():
            raise ValueError("Input X contains NaN or infinity; remove or replace such rows first.")
    return X


def _widest(device):
    return torch.float32 if torch.device(device).type == "mps" else torch.float64


class TorchEngine(Engine):
    """Rows of a tensor, or of an array that is sent to a device once.

    Parameters
    ----------
    X : torch.Tensor or ndarray of shape (n_rows, n_features)
        Finite. Copied only to another device, or where rows are extremely long or short.
    sample_weight, center, block_size
        See `vmfmix.engines.choice.choose_engine`.
    device : str or torch.device, default=None
        None: where X lies.
    """

    def __init__(self, X, *, sample_weight=None, center=None, block_size=None, device=None):
        if sp.issparse(X):
            raise ValueError(
                f"X is sparse, and device={device!r} takes dense rows alone; pass device=None."
            )
        try:
            self._X = _tensor_of(X, device)
        except (AssertionError, RuntimeError, TypeError) as error:
            raise ValueError(
                f"device={device!r} cannot be used: {str(error).splitlines()[0]}. Pass a device "
                "that torch finds here, or None."
            ) from error
        self.device = self._X.device
        self.n_rows, self.n_features = self._X.shape
        # The wide precision is that of sums; Apple's GPUs have no float64.
        self._wide = _widest(self.device)
        self._narrow = self._wide if self._X.dtype == torch.float64 else torch.float32
        self.dtype = np.dtype(np.float64 if self._narrow == torch.float64 else np.float32)
        self._block_size = block_size
        self._center = None if center is None else self._sent(np.asarray(center))
        lengths = self._lengths()
        if self._tame(lengths):
            lengths = self._lengths()
        self._scale, self._shift = self._normalization(lengths)
        directed = self._scale > 0
        self._has_weights = sample_weight is not None  # beside those of rows without a direction
        weight = torch.ones(self.n_rows) if sample_weight is None else sample_weight
        self._weight = torch.where(directed, self._sent(weight), 0.0)
        self.n_zero_rows = int((~directed).sum())
        self.n_used_rows = int((self._weight > 0).sum())
        self._total_weight = float(self._weight.sum())
        self._largest_shift = max(float(self._shift.max()), 1.0)

    def _sent(self, array, dtype=None):
        """An array on the device, in the wide precision."""
        return torch.as_tensor(array).to(self.device, dtype or self._wide)

    def _lengths(self):
        lengths = torch.empty(self.n_rows, dtype=self._wide, device=self.device)
        for rows in self._blocks(self.n_features):
            lengths[rows] = torch.linalg.vector_norm(self._X[rows].to(self._wide), dim=1)
        return lengths

    def _tame(self, lengths):
        """Divide extremely long and short rows by their largest entry; False if there are none."""
        extreme = ~((lengths > _SHORTEST) & (lengths < _LONGEST))
        places = torch.nonzero(extreme).ravel()
        if len(places) == 0:
            return False
        some = self._X[places]
        peaks = some.abs().amax(dim=1, keepdim=True)
        if not peaks.any():
            return False
        self._X = self._X.clone()
        self._X[places] = (some.to(self._wide) / torch.where(peaks > 0, peaks, 1)).to(some.dtype)
        return True

    def _normalization(self, lengths):
        """Row i is scale[i] x_i − shift[i] c; both are 0 where that has no direction."""
        scale = torch.where(lengths > 0, 1.0 / lengths, 0.0)
        if self._center is None:
            return scale, torch.zeros_like(scale)
        shift = torch.zeros_like(scale)
        for rows in self._blocks(self.n_features):
            apart = scale[rows, None] * self._X[rows].to(self._wide) - self._center
            squared = apart.square().sum(dim=1)
            directed = (scale[rows] > 0) & (squared > NO_DIRECTION[self.dtype])
            shift[rows] = torch.where(directed, squared.rsqrt(), 0.0)
        return scale * shift, shift

    @property
    def used_rows(self):  # noqa: D102
        return np.flatnonzero((self._weight > 0).cpu().numpy())

    def accumulate(self, parameters, *, hard=False):  # noqa: D102
        n_components = len(parameters.weights)
        counts = torch.zeros(n_components, dtype=self._wide, device=self.device)
        resultants = counts.new_zeros(n_components, self.n_features)
        log_likelihood = counts.new_zeros(())
        sums, n_summed = resultants.to(self._precision(parameters), copy=True), 0
        for rows, block, joint in self._log_joints(parameters):
            if hard:
                log_density, best = joint.max(dim=1, keepdim=True)
                masses = torch.zeros_like(joint).scatter_(1, best, 1.0)
            else:
                _, log_density, masses = _responsibilities(joint)
            weight = self._weight[rows]
            log_likelihood += torch.dot(weight, log_density.ravel().to(self._wide))
            weight = weight.to(masses.dtype)
            counts += (weight @ masses).to(self._wide)
            # There are often fewer features than components: rows are weighted, not masses.
            sums.addmm_(masses.T, block.mul_(weight[:, None]) if self._has_weights else block)
            n_summed += len(block)
            if n_summed >= _ROWS_PER_SUM or rows.stop == self.n_rows:
                resultants += sums
                sums.zero_()
                n_summed = 0
        uniform = self._total_weight * log_normalizer(0.0, self.n_features)
        return SufficientStatistics(
            counts=_as_float64(counts),
            resultants=_as_float64(_on_the_host(resultants)),
            log_likelihood=float(log_likelihood) + uniform,
            weight=self._total_weight,
        )

    def assign(self, parameters):  # noqa: D102
        labels = torch.empty(self.n_rows, 1, dtype=torch.int32, device=self.device)
        probabilities = torch.empty(self.n_rows, 1, dtype=self._wide, device=self.device)
        log_densities = torch.empty_like(probabilities)
        for rows, _, joint in self._log_joints(parameters):
            best, log_densities[rows], masses = _responsibilities(joint)
            labels[rows] = best.to(torch.int32)
            probabilities[rows] = masses.gather(1, best).to(self._wide)
        log_densities = _as_float64(log_densities) + log_normalizer(0.0, self.n_features)
        return Assignment(
            labels.ravel().cpu().numpy(), _as_float64(probabilities).ravel(), log_densities.ravel()
        )

    def log_joint(self, parameters):  # noqa: D102
        for rows, _, joint in self._log_joints(parameters):
            yield rows, _as_float64(joint)

    def cosines(self, directions):  # noqa: D102
        columns = self._sent(directions, self._narrow).T
        for rows in self._blocks(len(directions)):
            yield rows, _as_float64(self._unit_rows(rows, self._narrow) @ columns)

    def take(self, positions):  # noqa: D102
        places = torch.as_tensor(positions, device=self.device)
        rows = self._unit_rows(places, self._narrow)
        return rows.cpu().numpy(), _as_float64(self._weight[places])

    def _log_joints(self, parameters):
        """Iterate over (slice, block of unit rows, log joints relative to the uniform law)."""
        dtype = self._precision(parameters)
        natural = self._sent(parameters.means) * self._sent(parameters.concentrations)[:, None]
        columns = natural.to(dtype).T
        offsets = self._sent(parameters.offsets, dtype)
        for rows in self._blocks(columns.shape[1]):
            block = self._unit_rows(rows, dtype)
            yield rows, block, torch.addmm(offsets, block, columns)

    def _precision(self, parameters):
        """Type of the scores."""
        # κ x·μ and log C(κ) cancel, and so do a row and the center near to it: what is rounded of
        # the products is left over in nats.
        rounding = torch.finfo(self._narrow).eps * parameters.concentrations.max(initial=0.0)
        exact = self._largest_shift * rounding >= MOST_ROUNDING
        # The mean of all rows, which is taken out of them, is wanted to the last bit.
        return self._wide if exact or len(parameters.weights) == 1 else self._narrow

    def _unit_rows(self, rows, dtype):
        """Rows of unit length, after the center was subtracted if there is one."""
        if self._center is None:
            return self._X[rows] * self._scale[rows, None].to(dtype)
        block = self._X[rows] * self._scale[rows, None]
        return block.sub_(torch.outer(self._shift[rows], self._center)).to(dtype)

    def _blocks(self, numbers_of_a_row):
        size = self._block_size
        if size is None:
            most = _SCORES_PER_BLOCK.get(self.device.type, _SCORES_PER_BLOCK_OF_A_GPU)
            size = max(most // max(numbers_of_a_row, 1), _FEWEST_ROWS_PER_BLOCK)
        return row_blocks((0, self.n_rows), min(size, self.n_rows))


def _tensor_of(X, device):
    """The rows on a device; those of a read-only array are not written to either."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        if not isinstance(X, torch.Tensor) and min(X.strides) < 0:
            X = X.copy()  # torch has no such strides
        X = torch.as_tensor(X).detach()
    wanted = torch.device(device) if device is not None else X.device
    if wanted.type == "mps" and X.dtype == torch.float64:
        X = X.float()
    return X.to(wanted)


def _responsibilities(joint):
    """The most probable components, log densities in the wide precision, and responsibilities."""
    highest, best = joint.max(dim=1, keepdim=True)
    masses = torch.softmax(joint, dim=1)
    wide = _widest(joint.device)
    return best, highest.to(wide) - masses.gather(1, best).to(wide).log(), masses


def _on_the_host(tensor):
    """A copy in memory that a GPU writes to directly, which is many times as fast."""
    if not tensor.is_cuda:
        return tensor.cpu()
    return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(tensor)


def _as_float64(tensor):
    return tensor.cpu().numpy().astype(np.float64, copy=False)
