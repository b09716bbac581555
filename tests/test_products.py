"""Products of a packed matrix and a block, against NumPy."""

import platform
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde import products
from sde.lanes import WIDTH
from sde.native import compiled

#: Rows with each number of the last group, and more terms than are added up at a time.
SHAPES = [(r, 5) for r in range(1, 25)] + [(1, 1), (16, 128), (23, 257), (3, 600)]


@pytest.fixture(params=["vectors of 64 bytes", "vectors of 32 bytes"], scope="module")
def multiply(request):
    """Compile `multiply` anew, for vectors that this machine need not have."""
    wide = request.param == "vectors of 64 bytes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "has_wide_vectors", lambda _context: wide)
        function = compiled()(products.multiply.py_func)
        for number in (np.float64, np.float32):
            rows = np.ones((1, WIDTH), number)
            everything = (0, 1), (0, 1)
            function(rows[0], (1, 1), *everything, rows, rows.copy(), True)
        (code, _) = function.outer.inspect_llvm().values()
        assert ("llvm.fma.v8f64" in code) == wide
        yield function


def factors(rows, columns, number=np.float64):
    rng = np.random.default_rng(rows * 1000 + columns)
    matrix = rng.normal(size=(rows, columns)).astype(number)
    return matrix, rng.normal(size=(columns, WIDTH)).astype(number)


@given(rows=st.integers(1, 40), columns=st.integers(1, 9))
def test_every_entry_has_its_place_in_a_packed_matrix(rows, columns):
    matrix = np.arange(rows * columns).reshape(rows, columns)
    packed = products.pack(matrix)
    place = products.packed_place
    found = [[packed[place(i, j, rows, columns)] for j in range(columns)] for i in range(rows)]
    np.testing.assert_array_equal(found, matrix)
    assert packed.size == matrix.size


@pytest.mark.parametrize("number", [np.float64, np.float32])
@pytest.mark.parametrize(("r", "k"), SHAPES)
def test_a_product_is_that_of_numpy(multiply, r, k, number):
    matrix, block = factors(r, k, number)
    packed, out = products.pack(matrix), np.full((r + 1, WIDTH), np.nan, number)
    multiply(packed, (r, k), (0, r), (0, k), block, out, True)
    exact = matrix.astype(float) @ block.astype(float)
    # each of k roundings is half a unit of a sum that is no larger than this
    size = np.abs(matrix).astype(float) @ np.abs(block)
    assert (np.abs(out[:r] - exact) <= k * np.finfo(number).eps * size).all()
    assert np.isnan(out[r]).all()  # nothing else is written


@pytest.mark.parametrize(("r", "k"), SHAPES)
def test_terms_are_added_in_order_and_rounded_once_each(multiply, r, k):
    # integers below 2^26: the products have up to 52 bits, their sums more, so that both the order
    # and a second rounding would show; extended precision has 64 bits, enough for one step
    if np.finfo(np.longdouble).nmant < 63:
        pytest.skip("needs a long double of 64 bits")
    rng = np.random.default_rng(1)
    matrix, block = (rng.integers(1, 2**26, size).astype(float) for size in ((r, k), (k, WIDTH)))
    packed, out = products.pack(matrix), np.empty((r, WIDTH))
    multiply(packed, (r, k), (0, r), (0, k), block, out, True)
    total = np.zeros((r, WIDTH))
    for j in range(k):
        term = matrix[:, j, None].astype(np.longdouble) * block[j]
        total = (total + term).astype(np.float64)
    np.testing.assert_array_equal(out, total)


def test_parts_add_up_to_the_bits_of_the_whole(multiply):
    r, k = 29, 700
    matrix, block = factors(r, k)
    packed = products.pack(matrix)
    whole, parts = np.empty((r, WIDTH)), np.full((r, WIDTH), np.nan)
    multiply(packed, (r, k), (0, r), (0, k), block, whole, True)
    group = products.GROUP
    for some in ((0, group), (group, 2 * group), (2 * group, r)):
        for columns in ((0, 1), (1, 300), (300, 700)):
            below = block[columns[0] : columns[1]]
            out = parts[some[0] : some[1]]
            multiply(packed, (r, k), some, columns, below, out, columns[0] == 0)
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("tiles", [products._VECTORS, products._VECTORS_WIDE])
def test_tiles_fill_the_lanes_of_a_block(tiles):
    for vectors in tiles.values():
        for numbers in (4, 8, 16):  # of a vector
            assert WIDTH % (vectors * numbers) == 0


def test_a_lane_that_is_not_finite_stays_alone(multiply):
    matrix, block = factors(11, 6)
    block[3, 70] = np.inf
    out = np.full((11, WIDTH), np.nan)  # a sum that begins with what was there would be NaN
    multiply(products.pack(matrix), (11, 6), (0, 11), (0, 6), block, out, True)
    assert np.isinf(out[:, 70]).all()
    assert np.isfinite(np.delete(out, 70, axis=1)).all()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the code of such a processor")
def test_the_sums_of_a_tile_stay_in_registers():
    # the compiler kept one of them in memory, which took 1.3 times as long
    @compiled()
    def multiply(matrix, rows, out):
        products.multiply(matrix, (24, 40), (0, 24), (0, 40), rows, out, True)

    multiply(np.ones(24 * 40), np.ones((40, WIDTH)), np.ones((24, WIDTH)))
    (code,) = multiply.outer.inspect_asm().values()
    blocks = re.split(r"^\S+:|^\s+j[a-z]+\s", code, flags=re.MULTILINE)
    loop = max(blocks, key=lambda block: block.count("vfmadd"))
    assert loop.count("vfmadd") >= 12
    assert "(%rsp" not in loop
