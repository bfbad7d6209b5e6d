"""One frame of Text2Mel as compiled loops: what :mod:`voicebank.dctts.decoder` runs for every frame of speech.

A frame is twenty-odd products of a matrix and a vector, and some more where a flow samples it, so its cost is that of
reading the weights once. They are read as float16, as the files hold them, and widened in registers: half the bytes of
float32, and the same numbers. Nothing is allocated and no Python runs from layer to layer. The interpreter's lock is
released meanwhile, so that sentences can be spoken by as many threads as there are cores.

Compiled on first use and kept beside this file, or in the user's cache folder where that cannot be written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from voicebank.compiled import compiled

# Columns of the table of layers.
(WEIGHTS, BIAS, INPUTS, PADDED, OUTPUTS, KERNEL, DILATION, NORM, HIGHWAY, RELU, RING, SLOTS) = range(12)
COLUMNS = 12
# Fields of the state of a sentence.
FRAME, POSITION, RESTED, ENDED = range(4)
FIELDS = 4
# Rows of a matrix that are added up at once: inputs are padded to a multiple of it.
UNROLL = 4

# Reordered sums are allowed, for vector registers; what is not a number stays that.
_FAST = {"fastmath": {"reassoc", "contract", "nsz", "arcp"}}

_EPSILON = np.float32(1e-5)
_ONE = np.float32(1)
_HALF = np.float32(0.5)
_LOG2E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_LARGEST = np.float32(87)
_EXP = tuple(np.float32(c) for c in (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1))
# A float16 whose bits are moved to their places in a float32 is too small by this factor: the exponents' biases
# differ by 112. Those moved bits are the sign and all below it but three that copy the sign.
HALF_SCALE = float(2.0**112)
_HALF_BITS = np.int32(-0x70002000)


def _widen(weight: Any) -> Any:
    """A weight as float32, up to the scale of its kind: 2**-112 for float16 bits in an int16, else 1."""
    raise NotImplementedError("compiled code only")


@overload(_widen)
def _widen_typed(weight: Any) -> Any:
    # Numba wants the annotations of what it compiles to be those of the declaration.
    def from_half(weight: Any) -> Any:
        return np.int32((np.int32(weight) << 13) & _HALF_BITS).view(np.float32)

    def as_it_is(weight: Any) -> Any:
        return weight

    return from_half if weight == types.int16 else as_it_is


# Numbers are copied one by one below. An assignment to a slice would make Numba compile the text of the error that it
# might raise, which takes longer than all the rest.


@compiled(**_FAST)
def _add_product(weights: Any, first: int, rows: int, columns: int, scale: Any, x: Any, y: Any) -> None:
    """``y += x[:rows] @ matrix``; the matrix begins at ``first``, and has a multiple of UNROLL rows."""
    matrix = weights[first : first + rows * columns].reshape(rows, columns)
    for i in range(0, rows, UNROLL):
        a, b, c, d = x[i] * scale, x[i + 1] * scale, x[i + 2] * scale, x[i + 3] * scale
        for j in range(columns):
            y[j] += (
                a * _widen(matrix[i, j])
                + b * _widen(matrix[i + 1, j])
                + c * _widen(matrix[i + 2, j])
                + d * _widen(matrix[i + 3, j])
            )


@compiled(**_FAST)
def _prepare(layer: Any, biases: Any, x: Any, h: Any, y: Any) -> None:
    """``h`` is the layer's input, normalised if it wants that, and padded; ``y`` is its bias."""
    inputs = layer[INPUTS]
    if layer[NORM]:
        _normalise(x, inputs, h)
    else:
        for i in range(inputs):
            h[i] = x[i]
    for i in range(inputs, layer[PADDED]):
        h[i] = np.float32(0)
    for j in range(layer[OUTPUTS]):
        y[j] = biases[layer[BIAS] + j]


@compiled(**_FAST)
def _exp(x: Any) -> Any:
    """e**x to float32's precision, in a form that compiles to vector instructions (the C library's does not)."""
    x = min(max(x, -_LARGEST), _LARGEST)
    k = np.float32(np.floor(x * _LOG2E + _HALF))
    r = x - k * _LN2_HIGH - k * _LN2_LOW
    p = _EXP[0]
    p = p * r + _EXP[1]
    p = p * r + _EXP[2]
    p = p * r + _EXP[3]
    p = p * r + _EXP[4]
    p = p * r + _EXP[5]
    p = p * r + _EXP[6]
    return p * np.int32((np.int32(k) + np.int32(127)) << 23).view(np.float32)


@compiled(**_FAST)
def _normalise(x: Any, size: int, out: Any) -> None:
    """Layer normalisation of the first ``size`` numbers, as :meth:`voicebank.dctts.layers.Conv.normalise`."""
    mean = np.float32(0)
    for i in range(size):
        mean += x[i]
    mean /= np.float32(size)
    variance = np.float32(0)
    for i in range(size):
        variance += (x[i] - mean) * (x[i] - mean)
    factor = _ONE / np.sqrt(variance / np.float32(size) + _EPSILON)
    for i in range(size):
        out[i] = (x[i] - mean) * factor


@compiled(**_FAST)
def _layers(table: Any, weights: Any, scale: Any, biases: Any, rings: Any, t: int, x: Any, h: Any, y: Any) -> None:
    """Frame ``t`` through a causal stack, in place in ``x``; ``h`` and ``y`` are scratch."""
    for n in range(table.shape[0]):
        layer = table[n]
        inputs, padded, outputs = layer[INPUTS], layer[PADDED], layer[OUTPUTS]
        _prepare(layer, biases, x, h, y)
        first = layer[WEIGHTS]
        for tap in range(layer[KERNEL] - 1):
            back = (layer[KERNEL] - 1 - tap) * layer[DILATION]
            slot = layer[RING] + (t - back) % layer[SLOTS] * padded
            if back <= t:  # before the first frame all is zero
                _add_product(weights, first, padded, outputs, scale, rings[slot : slot + padded], y)
            first += padded * outputs
        _add_product(weights, first, padded, outputs, scale, h, y)
        if layer[KERNEL] > 1:
            slot = layer[RING] + t % layer[SLOTS] * padded
            for i in range(padded):
                rings[slot + i] = h[i]
        if layer[HIGHWAY]:
            for j in range(inputs):
                x[j] += (y[inputs + j] - x[j]) / (_ONE + _exp(-y[j]))
        elif layer[RELU]:
            for j in range(outputs):
                x[j] = max(y[j], np.float32(0))
        else:
            for j in range(outputs):
                x[j] = y[j]


@compiled(**_FAST)
def _product(layer: Any, weights: Any, scale: Any, biases: Any, x: Any, h: Any, y: Any) -> None:
    """``y`` is a layer of one tap of ``x``, which is normalised if the layer wants that; ``h`` is scratch."""
    _prepare(layer, biases, x, h, y)
    _add_product(weights, layer[WEIGHTS], layer[PADDED], layer[OUTPUTS], scale, h, y)


@compiled(**_FAST)
def _sample(
    table: Any, times: Any, weights: Any, scale: Any, biases: Any, hidden: Any, x: Any, h: Any, y: Any, a: Any, c: Any
) -> None:
    """Noise in ``x`` becomes a standardised mel, as in :meth:`voicebank.dctts.layers.FlowHead.sample`.

    The layers of the table are the condition, the first one, two for each block, and the last. The rest is scratch.
    """
    steps, rows = times.shape
    n_mels, channels = table[1, INPUTS], table[1, OUTPUTS]
    _product(table[0], weights, scale, biases, hidden, h, c)
    for step in range(steps):
        _product(table[1], weights, scale, biases, x, h, y)
        for i in range(channels):
            y[i] += c[i] + times[step, i]
        for block in range((rows // channels - 1) // 2):
            first = channels * (1 + 2 * block)
            second = first + channels
            _normalise(y, channels, a)
            for i in range(channels):
                factor = _ONE + c[first + i] + times[step, first + i]
                a[i] = a[i] * factor + c[second + i] + times[step, second + i]
            _product(table[2 + 2 * block], weights, scale, biases, a, h, a)
            for i in range(channels):
                a[i] /= _ONE + _exp(-a[i])
            _product(table[3 + 2 * block], weights, scale, biases, a, h, a)
            for i in range(channels):
                y[i] += a[i]
        _product(table[table.shape[0] - 1], weights, scale, biases, y, h, a)
        for i in range(n_mels):
            x[i] += a[i] / np.float32(steps)


@compiled(**_FAST)
def advance(
    encoder: Any,
    decoder: Any,
    flow: Any,
    times: Any,
    mean: Any,
    deviation: Any,
    noise: Any,
    weights: Any,
    scale: Any,
    biases: Any,
    rings: Any,
    width: int,
    keys: Any,
    values: Any,
    back: int,
    ahead: int,
    rest: int,
    state: Any,
    mel: Any,
    attention: Any,
    until: int,
) -> None:
    """Speak a sentence on until it has ended or has ``until`` frames.

    Args:
        encoder, decoder: ``(layers, COLUMNS)``, int64: the table of each stack.
        flow: ``(layers, COLUMNS)``: the table of the flow, without rows if the decoder's last layer is the mel's logit.
        times: ``(steps, rows)``: what the time of each Euler step adds to the flow's condition.
        mean, deviation: ``(n_mels,)``, of the mels that the flow standardises.
        noise: ``(frames, n_mels)``, from the sentence's first frame on: where the flow starts.
        weights: all matrices, each ``(taps * padded inputs, outputs)``, flat; float16 as int16, or float32.
        scale: what a widened weight is multiplied with.
        biases, rings: flat float32.
        width: the most inputs or outputs of a layer, those of the flow included.
        keys, values: ``(symbols, d)``; the keys are divided by the square root of d.
        back, ahead: symbols that attention may move each frame; ``ahead`` < 0 leaves it free.
        rest: frames that attention rests on the last symbol at the end.
        state: ``(FIELDS,)``, int64.
        mel: ``(longest, n_mels)``, to be filled.
        attention: ``(longest, symbols)``, zeros, to be filled.
        until: at most ``longest``.
    """
    symbols, d = keys.shape
    n_mels = mel.shape[1]
    x, h, y = np.zeros(width, np.float32), np.zeros(width, np.float32), np.zeros(width, np.float32)
    context, sampled = np.zeros(d, np.float32), np.zeros(n_mels, np.float32)
    a, c = np.zeros(width, np.float32), np.zeros(width, np.float32)
    while state[FRAME] < until and not state[ENDED]:
        t = state[FRAME]
        for i in range(n_mels):
            x[i] = mel[t - 1, i] if t else np.float32(0)
        _layers(encoder, weights, scale, biases, rings, t, x, h, y)

        first, end = 0, symbols
        if ahead >= 0:
            first, end = max(state[POSITION] - back, 0), min(state[POSITION] + ahead + 1, symbols)
        row = attention[t]
        best = first
        for n in range(first, end):
            score = np.float32(0)
            for i in range(d):
                score += x[i] * keys[n, i]
            row[n] = score
            if score > row[best]:
                best = n
        top = row[best]
        total = np.float32(0)
        for n in range(first, end):
            row[n] = _exp(row[n] - top)
            total += row[n]
        for i in range(d):
            context[i] = np.float32(0)
        for n in range(first, end):
            row[n] /= total
            for i in range(d):
                context[i] += row[n] * values[n, i]

        # The audio decoder reads the context, then the query.
        for i in range(d):
            x[d + i] = x[i]
            x[i] = context[i]
        _layers(decoder, weights, scale, biases, rings, t, x, h, y)
        if flow.shape[0]:
            for i in range(n_mels):
                sampled[i] = noise[t, i]
            if flow[0, INPUTS] > d:
                for i in range(n_mels):
                    x[d + i] = mel[t - 1, i] if t else np.float32(0)
            _sample(flow, times, weights, scale, biases, x, sampled, h, y, a, c)
            for i in range(n_mels):
                mel[t, i] = min(max(sampled[i] * deviation[i] + mean[i], np.float32(0)), _ONE)
        else:
            for i in range(n_mels):
                mel[t, i] = _ONE / (_ONE + _exp(-x[i]))

        state[POSITION] = best
        state[RESTED] = state[RESTED] + 1 if best == symbols - 1 else 0
        state[ENDED] = state[RESTED] >= rest
        state[FRAME] = t + 1
