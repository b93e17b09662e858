"""The numba kernel of a pass over dense rows with few components.

With few components, a pass takes its time for reading the rows and for the work that each row needs
besides the product. Rows are therefore read once: their scores, responsibilities and sums follow
each other while they are in the cache. The product is computed here, too, because BLAS libraries
are made for more columns, and because the rows that follow can be prefetched meanwhile.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from vmfmix.engines.instructions import larger, lowest_bit
from vmfmix.model.compilation import compiled, intrinsic

MOST_COMPONENTS = 64  # one bit of a uint64 for each
_FASTMATH = {"nnan", "nsz", "reassoc", "contract"}
_TILE_ROWS = 6  # 6 × 32 sums fill the registers of AVX-512, and 6 × 16 those of AVX2
_WIDE, _NARROW = 32, 16  # components of a tile
_PREFETCHED = 2 * _TILE_ROWS  # rows ahead
_BLOCK_ROWS = 192  # which are summed in their own precision, and fit into an L2 cache


def _tile_scores(n_components):
    """Return a function that writes the scores of `_TILE_ROWS` rows and `n_components` components.

    It takes the rows (n, d), the transposed natural parameters (d, K'), the first row and the first
    component, and the array of the scores with the row where to begin in it.
    """

    def in_python(X, natural, row, component, scores, to):
        """Write the scores of a tile."""
        rows, columns = slice(row, row + _TILE_ROWS), slice(component, component + n_components)
        scores[to : to + _TILE_ROWS, columns] = X[rows] @ natural[:, columns]

    @intrinsic(in_python)
    def write(typingctx, X, natural, row, component, scores, to):
        """Write the scores of a tile."""

        def generate(context, builder, signature, arguments):
            def element(position, i, j):
                """Return a pointer to an element of an array, and the length of its rows."""
                array = context.make_array(signature.args[position])(
                    context, builder, arguments[position]
                )
                n_columns = cgutils.unpack_tuple(builder, array.shape)[1]
                place = builder.add(builder.mul(i, n_columns), j)
                return builder.gep(array.data, [place]), n_columns

            zero = ir.IntType(64)(0)
            _, _, row, component, _, to = arguments
            function = _tile_function(builder.module, signature.args[0].dtype, n_components)
            parts = element(0, row, zero), element(1, zero, component), element(4, to, component)
            builder.call(function, [value for part in parts for value in part])
            return context.get_dummy_value()

        return types.void(X, natural, row, component, scores, to), generate

    return write


def _tile_function(module, dtype, n_components):
    """Return the LLVM function that computes one tile, which is added to the module once.

    It is not inlined, since only a function of its own keeps all sums in registers.
    """
    i32, i64, void = ir.IntType(32), ir.IntType(64), ir.VoidType()
    number = ir.FloatType() if dtype == types.float32 else ir.DoubleType()
    size = dtype.bitwidth // 8
    pointer, vector = number.as_pointer(), ir.VectorType(number, n_components)
    name = f"vmfmix_tile_{n_components}_{dtype}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(void, [pointer, i64] * 3), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    rows, n_features, natural, width, scores, scores_width = function.args
    entry, loop, end = (function.append_basic_block() for _ in range(3))

    builder = ir.IRBuilder(entry)
    starts = [builder.gep(rows, [builder.mul(n_features, i64(r))]) for r in range(_TILE_ROWS)]
    ahead = builder.gep(rows, [builder.mul(n_features, i64(_PREFETCHED))])
    builder.branch(loop)

    builder = ir.IRBuilder(loop)
    feature, column = builder.phi(i64), builder.phi(pointer)
    sums = [builder.phi(vector) for _ in range(_TILE_ROWS)]
    parameters = builder.load(builder.bitcast(column, vector.as_pointer()), align=size)
    undefined = ir.Constant(vector, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(i32, n_components), None)
    added = []
    for start, total in zip(starts, sums):
        x = builder.load(builder.gep(start, [feature]))
        x = builder.insert_element(undefined, x, i32(0))
        x = builder.shuffle_vector(x, undefined, everywhere)
        product = builder.fmul(x, parameters, flags=["contract"])
        added.append(builder.fadd(product, total, flags=["contract"]))
    _prefetch(builder, builder.gep(ahead, [builder.mul(feature, i64(_TILE_ROWS))]))
    next_feature, next_column = builder.add(feature, i64(1)), builder.gep(column, [width])
    for phi, first, following in (
        (feature, i64(0), next_feature),
        (column, natural, next_column),
        *((total, ir.Constant(vector, None), sum_) for total, sum_ in zip(sums, added)),
    ):
        phi.add_incoming(first, entry)
        phi.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", next_feature, n_features), loop, end)

    builder = ir.IRBuilder(end)
    for r, total in enumerate(added):
        place = builder.gep(scores, [builder.mul(scores_width, i64(r))])
        builder.store(total, builder.bitcast(place, vector.as_pointer()), align=size)
    builder.ret_void()
    return function


def _prefetch(builder, address):
    """Ask for the cache line of an address, which may lie outside of the array."""
    i32, pointer, name = ir.IntType(32), ir.IntType(8).as_pointer(), "llvm.prefetch.p0i8"
    function = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(ir.VoidType(), [pointer, i32, i32, i32]), name
    )
    to_read, into_all_caches, data = i32(0), i32(3), i32(1)
    builder.call(function, [builder.bitcast(address, pointer), to_read, into_all_caches, data])


_write_wide_tile, _write_narrow_tile = _tile_scores(_WIDE), _tile_scores(_NARROW)


@compiled(fastmath=_FASTMATH)
def _write_scores(X, start, stop, natural, scores):
    """Write x_i·η_k of the rows from start to stop; the last few are computed without tiles."""
    n_components, row = natural.shape[1], start
    while row + _TILE_ROWS <= stop:
        component = 0
        while component + _WIDE <= n_components:
            _write_wide_tile(X, natural, row, component, scores, row - start)
            component += _WIDE
        if component < n_components:
            _write_narrow_tile(X, natural, row, component, scores, row - start)
        row += _TILE_ROWS
    for i in range(row, stop):
        for k in range(n_components):
            scores[i - start, k] = 0
        for j in range(X.shape[1]):
            for k in range(n_components):
                scores[i - start, k] += X[i, j] * natural[j, k]


@compiled(fastmath=_FASTMATH)
def accumulate_few(X, factors, mixture, sums):
    """Add the statistics of dense rows to the sums, if there are at most `MOST_COMPONENTS`.

    Does the same as `kernels.accumulate`, but keeps no candidates.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    factors : kernels.RowFactors
    mixture : kernels.Mixture
    sums : kernels.Sums

    Returns
    -------
    log_likelihood : float
    n_evaluated : int
        Number of log joints that were evaluated.
    """
    n_components, n_features = mixture.natural.shape
    if X.shape[1] != n_features:
        raise ValueError("Rows and components have different numbers of features.")
    number = X.dtype.type
    width = (n_components + _NARROW - 1) // _NARROW * _NARROW
    natural = np.zeros((n_features, width), X.dtype)
    center_scores, offsets = np.zeros(width), np.full(width, -np.inf)
    for k in range(n_components):
        center_scores[k], offsets[k] = mixture.center_scores[k], mixture.offsets[k]
        for j in range(n_features):
            natural[j, k] = mixture.natural[k, j]
    scores, joints = np.empty((_BLOCK_ROWS, width), X.dtype), np.empty(width)
    found, responsibilities = np.empty(width, np.int64), np.empty(width)
    resultants = np.empty((n_components, n_features), X.dtype)
    counts, shift_sums = sums.counts, sums.shift_sums
    scale, shift, weight = factors.scale, factors.shift, factors.weight
    log_likelihood = 0.0

    for start in range(0, X.shape[0], _BLOCK_ROWS):
        stop = min(start + _BLOCK_ROWS, X.shape[0])
        resultants[:] = 0
        _write_scores(X, start, stop, natural, scores)
        for i in range(start, stop):
            if not weight[i] > 0:
                continue
            highest = -np.inf
            for k in range(width):
                score = np.float64(scores[i - start, k])
                joints[k] = scale[i] * score - shift[i] * center_scores[k] + offsets[k]
                highest = larger(highest, joints[k])
            least = highest - mixture.cutoff
            hits = np.uint64(0)  # one bit for each component that matters, which vectorizes
            for k in range(np.uint64(width)):
                hits |= np.uint64(joints[k] >= least) << np.uint64(k)

            # Usually a single component matters, and no exponential is needed.
            others = hits & (hits - np.uint64(1))
            found[0], responsibilities[0], n_found, inverse = lowest_bit(hits), 1.0, 1, 1.0
            if others and not mixture.hard:
                n_found, total = 0, 0.0
                while hits:
                    component = lowest_bit(hits)
                    hits &= hits - np.uint64(1)
                    found[n_found] = component
                    responsibilities[n_found] = np.exp(joints[component] - highest)
                    total += responsibilities[n_found]
                    n_found += 1
                highest += np.log(total)
                inverse = 1.0 / total
            log_likelihood += weight[i] * highest

            for p in range(n_found):
                k, mass = found[p], weight[i] * responsibilities[p] * inverse
                counts[k] += mass
                shift_sums[k] += mass * shift[i]
                factor = number(mass * scale[i])
                for j in range(n_features):
                    resultants[k, j] += factor * X[i, j]
        for k in range(n_components):
            for j in range(n_features):
                sums.resultants[k, j] += resultants[k, j]
    return log_likelihood, X.shape[0] * n_components
