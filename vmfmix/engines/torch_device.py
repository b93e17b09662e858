"""The engine for rows on a device of torch: a GPU, or the CPU in tests.

Rows stay on their device. A pass processes them in blocks: one matrix product gives the log joints,
softmax the responsibilities, and another product the sums, which are added up in float64 if the
device supports it. Only arrays of the size of the components, or one number for each row, are
copied from the device.

Products are computed in the precision that torch is set to: float32, or TensorFloat-32 after
`torch.set_float32_matmul_precision("high")`, which rounds both factors to 11 bits.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from vmfmix.distribution import log_normalizer
from vmfmix.engines.base import (
    SMALLEST_SQUARED_DISTANCE,
    Assignment,
    Engine,
    Matrix,
    ScoreBlocks,
    needs_float64,
    row_blocks,
    working_dtype,
)
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

_SCORES_PER_BLOCK = {"cpu": 2**19}
_SCORES_PER_BLOCK_OF_A_GPU = 2**26  # a quarter of a gigabyte: large products are the fastest
_FEWEST_ROWS_PER_BLOCK = 256
_ROWS_PER_SUM = 2**15  # about as many rows are summed before their sums are added in float64
_SHORTEST, _LONGEST = 1e-18, 1e18  # lengths whose products with a mean stay within float32


# Dtypes that are not converted. Tensors of any other dtype are converted to float64.
_DTYPES = (
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int8,
    torch.uint8,
)


def prepare_tensor(X: torch.Tensor, device: Any = None) -> torch.Tensor | np.ndarray:
    """Validate a tensor of rows, and return it in the form that engines take.

    Parameters
    ----------
    X : torch.Tensor
        It is detached from its graph of gradients.
    device : str or torch.device, default=None
        Device on which the engine computes. With None, the device of X.

    Returns
    -------
    torch.Tensor, or ndarray if X is on the CPU and no device is given

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


def _widest(device: Any) -> torch.dtype:
    """Return the widest precision of a device; Apple's GPUs have no float64."""
    return torch.float32 if torch.device(device).type == "mps" else torch.float64


class TorchEngine(Engine):
    """Rows of a tensor, or of an array that is copied to a device once.

    Parameters
    ----------
    X : torch.Tensor or ndarray of shape (n_rows, n_features)
        Finite. Copied only to another device, or if some rows are extremely long or short.
    sample_weight, center, block_size
        See `vmfmix.engines.choice.choose_engine`.
    device : str or torch.device, default=None
        With None, the device of X.
    """

    def __init__(
        self,
        X: Any,
        *,
        sample_weight: NDArray[np.float64] | None = None,
        center: NDArray[np.float64] | None = None,
        block_size: int | None = None,
        device: Any = None,
    ) -> None:
        if sp.issparse(X):
            raise ValueError(
                f"X is sparse, and device={device!r} supports dense rows only; pass device=None."
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
        self._wide = _widest(self.device)  # the precision of sums
        self._narrow = self._wide if self._X.dtype == torch.float64 else torch.float32
        self.dtype = working_dtype(np.float64 if self._narrow == torch.float64 else np.float32)
        self._block_size = block_size
        self._center = None if center is None else self._on_device(np.asarray(center))
        lengths = self._lengths()
        if self._rescale_extreme_rows(lengths):
            lengths = self._lengths()
        self._scale, self._shift = self._normalization(lengths)
        has_direction = self._scale > 0
        self._has_weights = sample_weight is not None  # other than 0 for rows without a direction
        weight = torch.ones(self.n_rows) if sample_weight is None else sample_weight
        self._weight = torch.where(has_direction, self._on_device(weight), 0.0)
        self.n_zero_rows = int((~has_direction).sum())
        self.n_used_rows = int((self._weight > 0).sum())
        self._total_weight = float(self._weight.sum())
        self._largest_shift = max(float(self._shift.max()), 1.0)

    def _on_device(self, array: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return an array on the device, by default in the wide precision."""
        return torch.as_tensor(array).to(self.device, dtype or self._wide)

    def _lengths(self) -> torch.Tensor:
        lengths = torch.empty(self.n_rows, dtype=self._wide, device=self.device)
        for rows in self._blocks(self.n_features):
            lengths[rows] = torch.linalg.vector_norm(self._X[rows].to(self._wide), dim=1)
        return lengths

    def _rescale_extreme_rows(self, lengths: torch.Tensor) -> bool:
        """Divide rows of extreme length by their largest entry; return False if there are none."""
        is_extreme = ~((lengths > _SHORTEST) & (lengths < _LONGEST))
        positions = torch.nonzero(is_extreme).ravel()
        if len(positions) == 0:
            return False
        rows = self._X[positions]
        largest = rows.abs().amax(dim=1, keepdim=True)
        if not largest.any():
            return False
        rescaled = rows.to(self._wide) / torch.where(largest > 0, largest, 1)
        self._X = self._X.clone()
        self._X[positions] = rescaled.to(rows.dtype)
        return True

    def _normalization(self, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scale and shift of the rows, both 0 for rows without a direction.

        The unit row i is scale[i] x_i − shift[i] c.
        """
        scale = torch.where(lengths > 0, 1.0 / lengths, 0.0)
        if self._center is None:
            return scale, torch.zeros_like(scale)
        shift = torch.zeros_like(scale)
        for rows in self._blocks(self.n_features):
            difference = scale[rows, None] * self._X[rows].to(self._wide) - self._center
            squared = difference.square().sum(dim=1)
            has_direction = (scale[rows] > 0) & (squared > SMALLEST_SQUARED_DISTANCE[self.dtype])
            shift[rows] = torch.where(has_direction, squared.rsqrt(), 0.0)
        return scale * shift, shift

    @property
    def used_rows(self) -> NDArray[np.intp]:
        """Positions of the rows with a direction and a positive weight, in ascending order."""
        return np.flatnonzero((self._weight > 0).cpu().numpy())

    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sufficient statistics of all rows under a mixture, in one pass."""
        n_components = len(parameters.weights)
        counts = torch.zeros(n_components, dtype=self._wide, device=self.device)
        resultants = counts.new_zeros(n_components, self.n_features)
        log_likelihood = counts.new_zeros(())
        sums, n_summed = resultants.to(self._score_dtype(parameters), copy=True), 0
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
            # Weights multiply the rows: these often have fewer numbers than the responsibilities.
            sums.addmm_(masses.T, block.mul_(weight[:, None]) if self._has_weights else block)
            n_summed += len(block)
            if n_summed >= _ROWS_PER_SUM or rows.stop == self.n_rows:
                resultants += sums
                sums.zero_()
                n_summed = 0
        uniform = self._total_weight * log_normalizer(0.0, self.n_features)
        return SufficientStatistics(
            counts=_as_float64(counts),
            resultants=_as_float64(_copy_to_host(resultants)),
            log_likelihood=float(log_likelihood) + uniform,
            weight=self._total_weight,
        )

    def assign(self, parameters: MixtureParameters) -> Assignment:
        """Return the most probable component of every row, in the order of the rows."""
        labels = torch.empty(self.n_rows, 1, dtype=torch.int32, device=self.device)
        probabilities = torch.empty(self.n_rows, 1, dtype=self._wide, device=self.device)
        log_densities = torch.empty_like(probabilities)
        for rows, _, joint in self._log_joints(parameters):
            best, log_densities[rows], masses = _responsibilities(joint)
            labels[rows] = best.to(torch.int32)
            probabilities[rows] = masses.gather(1, best).to(self._wide)
        return Assignment(
            labels.ravel().cpu().numpy(),
            _as_float64(probabilities).ravel(),
            (_as_float64(log_densities) + log_normalizer(0.0, self.n_features)).ravel(),
        )

    def log_joint(self, parameters: MixtureParameters) -> ScoreBlocks:
        """Iterate over (slice of rows, log π_k f_k(x_i) − log C(0) of shape (block, K))."""
        for rows, _, joint in self._log_joints(parameters):
            yield rows, _as_float64(joint)

    def cosines(self, directions: Matrix) -> ScoreBlocks:
        """Iterate over (slice of rows, x_i·m_k of shape (block, K)) for unit rows m_k."""
        columns = self._on_device(directions, self._narrow).T
        for rows in self._blocks(len(directions)):
            yield rows, _as_float64(self._unit_rows(rows, self._narrow) @ columns)

    def take(self, positions: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.float64]]:
        """Return the unit rows at some positions, in ascending order, and their weights."""
        indices = torch.as_tensor(positions, device=self.device)
        rows = self._unit_rows(indices, self._narrow)
        return rows.cpu().numpy(), _as_float64(self._weight[indices])

    def _log_joints(
        self, parameters: MixtureParameters
    ) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
        """Iterate over (slice, unit rows, log joints relative to the uniform distribution)."""
        dtype = self._score_dtype(parameters)
        columns = self._on_device(parameters.natural).to(dtype).T
        offsets = self._on_device(parameters.offsets, dtype)
        for rows in self._blocks(columns.shape[1]):
            block = self._unit_rows(rows, dtype)
            yield rows, block, torch.addmm(offsets, block, columns)

    def _score_dtype(self, parameters: MixtureParameters) -> torch.dtype:
        """Return the precision of the scores under a mixture."""
        is_high = needs_float64(self.dtype, self._largest_shift, parameters.concentrations)
        # A single component gives the mean of all rows, from which the center is computed.
        return self._wide if is_high or len(parameters.weights) == 1 else self._narrow

    def _unit_rows(self, rows: slice | torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return rows of unit length, with the center subtracted if there is one."""
        if self._center is None:
            return self._X[rows] * self._scale[rows, None].to(dtype)
        block = self._X[rows] * self._scale[rows, None]
        return block.sub_(torch.outer(self._shift[rows], self._center)).to(dtype)

    def _blocks(self, numbers_per_row: int) -> list[slice]:
        size = self._block_size
        if size is None:
            most = _SCORES_PER_BLOCK.get(self.device.type, _SCORES_PER_BLOCK_OF_A_GPU)
            size = max(most // max(numbers_per_row, 1), _FEWEST_ROWS_PER_BLOCK)
        return row_blocks((0, self.n_rows), min(size, self.n_rows))


def _tensor_of(X: Any, device: Any) -> torch.Tensor:
    """Return the rows as a tensor on a device; one that shares the memory of X is only read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        if not isinstance(X, torch.Tensor) and min(X.strides) < 0:
            X = X.copy()  # torch does not support negative strides
        X = torch.as_tensor(X).detach()
    target = torch.device(device) if device is not None else X.device
    if target.type == "mps" and X.dtype == torch.float64:
        X = X.float()
    tensor: torch.Tensor = X.to(target)
    return tensor


def _responsibilities(joint: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return best components, log densities in the wide precision, and responsibilities."""
    highest, best = joint.max(dim=1, keepdim=True)
    masses = torch.softmax(joint, dim=1)
    wide = _widest(joint.device)
    return best, highest.to(wide) - masses.gather(1, best).to(wide).log(), masses


def _copy_to_host(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy in pinned memory, to which a GPU copies many times as fast."""
    if not tensor.is_cuda:
        return tensor.cpu()
    pinned: torch.Tensor = torch.empty_like(tensor, device="cpu", pin_memory=True)
    pinned.copy_(tensor)
    return pinned


def _as_float64(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.cpu().numpy().astype(np.float64, copy=False)
