"""Instructions of the processor that numba's kernels use.

After a change here, delete the cache of numba: it does not notice a change in another module.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
# Jitted functions have no annotations: numba infers their types.

import numpy as np
from llvmlite import ir
from numba import types

from vmfmix.model.compilation import intrinsic


@intrinsic(in_python=max)
def larger(typingctx, a, b):
    """Return the larger of two floating-point numbers; unlike Python's max, this vectorizes."""

    def generate(context, builder, signature, arguments):
        kind = arguments[0].type
        maximum = builder.module.declare_intrinsic(
            "llvm.maxnum", [kind], ir.FunctionType(kind, [kind, kind])
        )
        return builder.call(maximum, arguments, fastmath=("nnan", "nsz"))

    return a(a, a), generate


@intrinsic(in_python=lambda bits: (int(bits) & -int(bits)).bit_length() - 1)
def lowest_bit(typingctx, bits):
    """Return the position of the lowest set bit; at least one bit must be set."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic(in_python=lambda bits: int(bits).bit_count())
def count_bits(typingctx, bits):
    """Return the number of set bits."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic(in_python=lambda bits: bits.view(np.float32))
def bits_as_float(typingctx, bits):
    """Return the float32 with these 32 bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic(in_python=lambda bits: np.uint64(bits).view(np.float64))
def bits_as_double(typingctx, bits):
    """Return the float64 with these 64 bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


@intrinsic(in_python=lambda number: np.float64(number).view(np.uint64))
def double_as_bits(typingctx, number):
    """Return the 64 bits of a float64."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), generate


@intrinsic(in_python=lambda number: number.view(np.uint32))
def float_as_bits(typingctx, number):
    """Return the 32 bits of a float32."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate
