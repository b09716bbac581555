"""Particles copied to blocks and back, against NumPy's transposes."""

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sde import transpose
from sde.lanes import WIDTH

NUMBERS = (np.float64, np.float32)
sizes = {"dim": st.integers(1, 140), "count": st.integers(1, WIDTH), "first": st.integers(0, 9)}


@numba.njit
def load(theta, first, count, block):
    transpose.load(theta, first, count, block)


@numba.njit
def store(block, first, count, theta):
    transpose.store(block, first, count, theta)


@pytest.mark.parametrize("inside", NUMBERS)
@pytest.mark.parametrize("number", NUMBERS)
@given(**sizes)
@example(dim=1, count=WIDTH, first=0)
@example(dim=130, count=WIDTH, first=3)  # more than two rounds of coordinates, and two left
def test_a_block_has_a_coordinate_a_row_and_repeats_its_last_particle(
    number, inside, dim, count, first
):
    theta = np.random.default_rng(dim).normal(size=(first + count + 1, dim)).astype(number)
    block = np.full((dim + 1) * WIDTH, np.nan, inside)
    load(theta, first, count, block[: dim * WIDTH])
    rows, particles = block.reshape(-1, WIDTH), theta[first : first + count].astype(inside)
    np.testing.assert_array_equal(rows[:dim, :count], particles.T)
    assert (rows[:dim, count:] == particles[-1][:, None]).all()
    assert np.isnan(rows[dim]).all()


@pytest.mark.parametrize("inside", NUMBERS)
@pytest.mark.parametrize("number", NUMBERS)
@given(**sizes)
@example(dim=1, count=WIDTH, first=0)
@example(dim=130, count=WIDTH, first=3)
def test_a_block_is_stored_to_its_particles_only_and_left_with_what_they_hold(
    number, inside, dim, count, first
):
    given_block = np.random.default_rng(dim).normal(size=dim * WIDTH).astype(inside)
    block, theta = given_block.copy(), np.full((first + count + 1, dim), np.nan, number)
    store(block, first, count, theta)
    stored = given_block.reshape(dim, WIDTH)[:, :count].astype(number)
    np.testing.assert_array_equal(theta[first : first + count], stored.T)
    np.testing.assert_array_equal(block.reshape(dim, WIDTH)[:, :count], stored)
    outside = np.delete(theta, range(first, first + count), axis=0)
    assert np.isnan(outside).all()


@pytest.mark.parametrize("dim", [1, 3, 8])
def test_particles_may_lie_in_any_order(dim):
    numbers = np.random.default_rng(0).normal(size=(dim, 130, 2))
    theta, block = numbers[..., 1].T, np.full(dim * WIDTH, np.nan)  # columns, every other number
    load(theta, 2, WIDTH, block)
    np.testing.assert_array_equal(block.reshape(dim, WIDTH), theta[2:].T)
    others = np.zeros_like(numbers)
    store(block, 1, WIDTH, others[..., 0].T)
    np.testing.assert_array_equal(others[:, 1:129, 0], numbers[:, 2:, 1])
    others[:, 1:129, 0] = 0
    assert not others.any()


@pytest.mark.parametrize("rows", ["backwards", "all the same"])
def test_rows_may_lie_in_any_order(rows):
    numbers, block = np.random.default_rng(0).normal(size=(130, 8)), np.full(8 * WIDTH, np.nan)
    theta = numbers[::-1] if rows == "backwards" else np.broadcast_to(numbers[0], numbers.shape)
    load(theta, 2, WIDTH, block)
    np.testing.assert_array_equal(block.reshape(8, WIDTH), theta[2:].T)
