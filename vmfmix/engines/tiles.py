"""Products of a tile of six rows and 16 or 32 components, in vector instructions of LLVM.

After a change here, delete the cache of numba: it does not notice a change in another module.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

from llvmlite import ir
from numba import types
from numba.core import cgutils

from vmfmix.model.compilation import intrinsic

TILE_ROWS = 6  # 6 × 32 sums fill the registers of AVX-512, and 6 × 16 those of AVX2
WIDE, NARROW = 32, 16  # components of a tile
_PREFETCHED = 2 * TILE_ROWS  # rows ahead


def _on_tile(in_python, build, n_components):
    """Return a function of arrays that calls an LLVM function for one tile.

    Parameters
    ----------
    in_python : callable
        Does the same where functions are not compiled.
    build : callable
        Fills the body of the LLVM function.
    n_components : int
        Of the tile.

    Returns
    -------
    callable
        Takes the rows (n, d), an array of shape (d, K') and one of shape (block, K'), whose first
        row belongs to row `start`; the first row of the tile, `start`, and its first component.
    """

    @intrinsic(in_python)
    def call(typingctx, X, by_feature, by_row, row, start, component):
        def generate(context, builder, signature, arguments):
            def element(position, i, j):
                """Return a pointer to an element of an array, and the length of its rows."""
                array = context.make_array(signature.args[position])(
                    context, builder, arguments[position]
                )
                n_columns = cgutils.unpack_tuple(builder, array.shape)[1]
                return builder.gep(
                    array.data, [builder.add(builder.mul(i, n_columns), j)]
                ), n_columns

            zero = ir.IntType(64)(0)
            row, start, component = arguments[3:]
            parts = (
                element(0, row, zero),
                element(1, zero, component),
                element(2, builder.sub(row, start), component),
            )
            values = [value for part in parts for value in part]
            function = _once(builder.module, build, values, n_components)
            builder.call(function, values)
            return context.get_dummy_value()

        return types.void(X, by_feature, by_row, row, start, component), generate

    return call


def _once(module, build, arguments, n_components):
    """Return the LLVM function of a tile, which is added to the module once.

    It is not inlined, since only a function of its own keeps all numbers in registers.
    """
    number = arguments[0].type.pointee
    name = f"vmfmix{build.__name__}_{n_components}_{number}"
    if name not in module.globals:
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        function = ir.Function(module, kind, name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        build(function, ir.VectorType(number, n_components))
    return module.globals[name]


def _build_scores(function, vector):
    """Write the scores of a tile: one sum for each row, over the features."""
    entry, loop, end = (function.append_basic_block() for _ in range(3))
    rows, n_features, natural, natural_width, scores, scores_width = function.args
    builder = ir.IRBuilder(entry)
    starts = _first_numbers(builder, rows, n_features)
    ahead = builder.gep(rows, [builder.mul(n_features, _I64(_PREFETCHED))])
    builder.branch(loop)

    builder = ir.IRBuilder(loop)
    feature, column = builder.phi(_I64), builder.phi(natural.type)
    sums = [builder.phi(vector) for _ in range(TILE_ROWS)]
    parameters = _load(builder, column, vector)
    added = [
        _add_product(builder, total, start, feature, parameters)
        for start, total in zip(starts, sums)
    ]
    _prefetch(builder, builder.gep(ahead, [builder.mul(feature, _I64(TILE_ROWS))]))
    next_feature = builder.add(feature, _I64(1))
    next_column = builder.gep(column, [natural_width])
    _connect(feature, entry, _I64(0), loop, next_feature)
    _connect(column, entry, natural, loop, next_column)
    for total, following in zip(sums, added):
        _connect(total, entry, ir.Constant(vector, None), loop, following)
    builder.cbranch(builder.icmp_signed("<", next_feature, n_features), loop, end)

    builder = ir.IRBuilder(end)
    for r, total in enumerate(added):
        place = builder.gep(scores, [builder.mul(scores_width, _I64(r))])
        _store(builder, total, place)
    builder.ret_void()


def _build_sums(function, vector):
    """Add the sums of a tile: for each feature, those of the rows times their masses.

    The rows of the tile are summed in their own precision, and their sums in float64.
    """
    entry, loop, end = (function.append_basic_block() for _ in range(3))
    rows, n_features, sums, sums_width, masses, masses_width = function.args
    doubles = ir.VectorType(sums.type.pointee, vector.count)
    builder = ir.IRBuilder(entry)
    starts = _first_numbers(builder, rows, n_features)
    factors = [
        _load(builder, builder.gep(masses, [builder.mul(masses_width, _I64(r))]), vector)
        for r in range(TILE_ROWS)
    ]
    builder.branch(loop)

    builder = ir.IRBuilder(loop)
    feature, place = builder.phi(_I64), builder.phi(sums.type)
    total = ir.Constant(vector, None)
    for start, factor in zip(starts, factors):
        total = _add_product(builder, total, start, feature, factor)
    if total.type != doubles:
        total = builder.fpext(total, doubles)
    _store(builder, builder.fadd(total, _load(builder, place, doubles)), place)
    next_feature, next_place = builder.add(feature, _I64(1)), builder.gep(place, [sums_width])
    _connect(feature, entry, _I64(0), loop, next_feature)
    _connect(place, entry, sums, loop, next_place)
    builder.cbranch(builder.icmp_signed("<", next_feature, n_features), loop, end)
    ir.IRBuilder(end).ret_void()


_I32, _I64 = ir.IntType(32), ir.IntType(64)


def _first_numbers(builder, rows, n_features):
    """Return pointers to the first number of each row of a tile."""
    return [builder.gep(rows, [builder.mul(n_features, _I64(r))]) for r in range(TILE_ROWS)]


def _load(builder, place, vector):
    """Load a vector that begins at this number."""
    size = 4 if vector.element == ir.FloatType() else 8
    return builder.load(builder.bitcast(place, vector.as_pointer()), align=size)


def _store(builder, values, place):
    """Store a vector that begins at this number."""
    size = 4 if values.type.element == ir.FloatType() else 8
    builder.store(values, builder.bitcast(place, values.type.as_pointer()), align=size)


def _add_product(builder, total, start, feature, factor):
    """Return the total plus one number of a row times a vector."""
    undefined = ir.Constant(total.type, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(_I32, total.type.count), None)
    number = builder.load(builder.gep(start, [feature]))
    number = builder.insert_element(undefined, number, _I32(0))
    number = builder.shuffle_vector(number, undefined, everywhere)
    product = builder.fmul(number, factor, flags=["contract"])
    return builder.fadd(product, total, flags=["contract"])


def _connect(phi, entry, first, loop, following):
    """Set the value of a variable in the first step of a loop, and in the steps that follow."""
    phi.add_incoming(first, entry)
    phi.add_incoming(following, loop)


def _prefetch(builder, address):
    """Ask for the cache line of an address, which may lie outside of the array."""
    pointer, name = ir.IntType(8).as_pointer(), "llvm.prefetch.p0i8"
    function = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32]), name
    )
    to_read, into_all_caches, data = _I32(0), _I32(3), _I32(1)
    builder.call(function, [builder.bitcast(address, pointer), to_read, into_all_caches, data])


def _scores_in_python(n_components):
    def write(X, natural, scores, row, start, component):
        columns = slice(component, component + n_components)
        scores[row - start :][:TILE_ROWS, columns] = X[row:][:TILE_ROWS] @ natural[:, columns]

    return write


def _sums_in_python(n_components):
    def add(X, sums, masses, row, start, component):
        columns = slice(component, component + n_components)
        sums[:, columns] += X[row:][:TILE_ROWS].T @ masses[row - start :][:TILE_ROWS, columns]

    return add


write_wide_scores, write_narrow_scores = (
    _on_tile(_scores_in_python(size), _build_scores, size) for size in (WIDE, NARROW)
)
add_wide_sums, add_narrow_sums = (
    _on_tile(_sums_in_python(size), _build_sums, size) for size in (WIDE, NARROW)
)
