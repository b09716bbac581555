"""Counter-based random words: Philox-4x32-10 (Salmon, Moraes, Dror, Shaw, SC'11).

A draw is a pure function of (seed, replicate, stream, particle, step, coordinate). The first three
make the 64-bit key of the generator, the last three its 128-bit counter. No state is kept
anywhere, so a draw does not depend on threads, blocks, workers, or on how many particles there
are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sde.intrinsics import fma, from_bits
from sde.native import SOURCE_DIGEST, compiled

__all__ = ["STREAMS", "philox", "replicate_uniforms", "stream_key", "stream_keys", "uniforms"]

#: Streams of one (seed, replicate) that share no draw.
STREAMS = {"noise": 0, "initial": 1, "sample": 2, "split": 3, "batch": 4}

#: Largest counts that fit the counter: particles 2^64, steps 2^48, draws a particle and step 2^16.
MAX_STEPS = 2**48
MAX_DRAWS = 2**16

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
# Where an integer of 53 bits has no room for a half, adding one would round to even and merge
# neighbours; a little less changes nothing there.
_ALMOST_HALF = 0.5 - 2.0**-30
_21_BITS, _31_BITS = np.uint64(2**21 - 1), np.uint64(2**31 - 1)
_TWO_52 = np.uint64(0x4330000000000000)
_2_TO_19, _2_TO_MINUS_12 = np.uint64((1023 + 19) << 52), np.uint64((1023 - 12) << 52)
# multipliers and Weyl key increments of the reference, Table 2 and section 4.3
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_2, _3, _4, _5, _6, _7, _8, _9 = (np.uint64(r) for r in range(2, 10))


@compiled(forceinline=True)
def _round(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Apply one round; bits above the 32nd are garbage that the next multiplication ignores."""
    p0 = _M0 * (c0 & _LOW)
    p1 = _M1 * (c2 & _LOW)
    return (p1 >> _32) ^ c1 ^ k0, p1, (p0 >> _32) ^ c3 ^ k1, p0


@compiled(forceinline=True)
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Encrypt a counter of four 32-bit words with a key of two: Philox-4x32-10.

    Words are held in `uint64`, because a vector unit multiplies 32-bit words inside 64-bit lanes.

    Parameters
    ----------
    c0, c1, c2, c3 : uint64
        Counter, each below 2^32.
    k0, k1 : uint64
        Key, each below 2^32.

    Returns
    -------
    tuple of uint64
        Four random words, each below 2^32.
    """
    # written out, because the vectoriser wants no inner loop
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _W0, k1 + _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _2 * _W0, k1 + _2 * _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _3 * _W0, k1 + _3 * _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _4 * _W0, k1 + _4 * _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _5 * _W0, k1 + _5 * _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _6 * _W0, k1 + _6 * _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _7 * _W0, k1 + _7 * _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _8 * _W0, k1 + _8 * _W1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0 + _9 * _W0, k1 + _9 * _W1)
    return c0 & _LOW, c1 & _LOW, c2 & _LOW, c3 & _LOW


@compiled(forceinline=True)
def draw(key: Any, first: Any, lane: Any, step: Any, index: Any) -> tuple[Any, Any]:
    """Return 128 random bits, as two `uint64`, for particle first + lane, step and draw index.

    The two have the high 32 bits of `first` in common: lanes that share them share what the cipher
    makes of them, too.
    """
    w0, w1, w2, w3 = philox(
        (first & _LOW) + lane,
        first >> _32,
        step & _LOW,
        (step >> _32) << np.uint64(16) | index,
        key & _LOW,
        key >> _32,
    )
    return w0 << _32 | w1, w2 << _32 | w3


@compiled(forceinline=True)
def _number(bits: Any) -> Any:
    """Convert an integer below 2^32: vector units convert no others, by the bits of 2^52 + k."""
    return from_bits(bits | _TWO_52) - 2.0**52


@compiled(forceinline=True)
def open_unit(bits: Any) -> Any:
    """Map 64 random bits to a uniform in (0, 1), never 0 or 1.

    The spacing is 2^-53 at most, and 2^-53 (1 + 2^-30) at one point, near 2^-30.
    """
    low = _number(bits >> np.uint64(11) & _21_BITS) + _ALMOST_HALF
    return fma(_number(bits >> _32), 2.0**-32, low * 2.0**-53)


@compiled(forceinline=True)
def half_unit(bits: Any) -> Any:
    """Map the upper 63 of 64 random bits to a uniform in (0, 1/2], with a spacing of 2^-64.

    It is rounded to a double, so that large ones are spaced 2^-54 and tails are not clipped; the
    largest are rounded to 1/2.
    """
    # (k + 1/2) 2^-64 and k 2^-33, as the low bits of numbers whose leading ones are taken off
    low = from_bits(bits >> np.uint64(1) & _31_BITS | _2_TO_MINUS_12) - (2.0**-12 - 2.0**-65)
    high = from_bits(bits >> _32 | _2_TO_19) - 2.0**19
    return high + low


def stream_key(seed: int, replicate: int, stream: str) -> np.uint64:
    """Return the 64-bit key of one stream of one replicate.

    Parameters
    ----------
    seed, replicate : int
        From 0 to 2^64 - 1.
    stream : str
        A name in `STREAMS`.

    Returns
    -------
    uint64
        The first 64 bits of a Philox block whose key is the seed and whose counter holds the
        replicate and the stream. Distinct streams get distinct keys, up to a chance of 2^-64 a
        pair.

    Examples
    --------
    >>> bool(stream_key(0, 0, "noise") == stream_key(0, 1, "noise"))
    False
    """
    return np.uint64(_derive_key(np.uint64(seed), np.uint64(replicate), STREAMS[stream]))


def _make_derive_key() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True)
    def derive_key(seed: Any, replicate: Any, stream: int) -> Any:
        _ = digest
        zero = np.uint64(0)
        w0, w1, _w2, _w3 = philox(
            replicate & _LOW, replicate >> _32, np.uint64(stream), zero, seed & _LOW, seed >> _32
        )
        return w0 << _32 | w1

    return derive_key


_derive_key = _make_derive_key()


def _make_fill_uniforms() -> Any:
    digest = SOURCE_DIGEST

    @compiled(cache=True)
    def fill_uniforms(keys: Any, first: int, out: Any) -> None:
        _ = digest
        replicates, n, dim = out.shape
        zero = np.uint64(0)
        for r in range(replicates):
            for c in range(dim):  # one column after the other, so that the loop vectorises
                for i in range(n):
                    a, _b = draw(keys[r], np.uint64(first + i), zero, zero, np.uint64(c))
                    out[r, i, c] = open_unit(a)

    return fill_uniforms


_fill_uniforms = _make_fill_uniforms()


def stream_keys(seed: int, replicates: range, stream: str) -> NDArray[np.uint64]:
    """Return the keys of one stream of several replicates, shape (len(replicates),)."""
    return np.array([stream_key(seed, r, stream) for r in replicates], dtype=np.uint64)


def replicate_uniforms(
    n: int, dim: int, *, seed: int, replicates: range, stream: str
) -> NDArray[np.float64]:
    """Draw what `uniforms` draws, for several replicates at once.

    Parameters
    ----------
    n, dim : int
        Number of particles and of coordinates.
    seed, stream
        As in `stream_key`.
    replicates : range
        Numbers of the replicates.

    Returns
    -------
    (len(replicates), n, dim) float64 array

    Examples
    --------
    >>> both = replicate_uniforms(3, 1, seed=1, replicates=range(4, 6), stream="initial")
    >>> last = uniforms(3, 1, seed=1, replicate=5, stream="initial")
    >>> bool((both[1] == last).all())
    True
    """
    out = np.empty((len(replicates), n, dim))
    _fill_uniforms(stream_keys(seed, replicates, stream), 0, out)
    return out


def uniforms(
    n: int, dim: int, *, seed: int, replicate: int, stream: str, first: int = 0
) -> NDArray[np.float64]:
    """Draw uniforms in (0, 1), one a particle and coordinate.

    Parameters
    ----------
    n, dim : int
        Number of particles and of coordinates.
    seed, replicate, stream
        As in `stream_key`.
    first : int
        Index of the first particle: rows `first` to `first + n - 1` of the stream are returned.

    Returns
    -------
    (n, dim) float64 array

    Examples
    --------
    >>> whole = uniforms(4, 2, seed=1, replicate=0, stream="initial")
    >>> tail = uniforms(2, 2, seed=1, replicate=0, stream="initial", first=2)
    >>> bool((whole[2:] == tail).all())
    True
    """
    out: NDArray[np.float64] = np.empty((1, n, dim))
    _fill_uniforms(stream_keys(seed, range(replicate, replicate + 1), stream), first, out)
    return np.asarray(out[0])
