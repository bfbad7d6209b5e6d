"""What the networks are made of: their layers, and the shapes of their weights. Nothing here computes.

Both read it: the modules of PyTorch that are trained (:mod:`voicebank.dctts.text2mel`, :mod:`voicebank.dctts.ssrn`)
and NumPy, which speaks (:mod:`voicebank.dctts.inference`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from voicebank.config import SSRNConfig, Text2MelConfig
from voicebank.text.symbols import TABLE_SIZE

# Cosines of the time that the flow is given; the first of them is constant.
COSINES = 16

Shapes = dict[str, tuple[int, ...]]


class Layer(NamedTuple):
    """One layer: normalisation over channels, a dilated convolution, and what is made of its output.

    A highway layer mixes the second half of the output with its input, by the first half. An upsampling one splits
    each frame into two.
    """

    inputs: int
    outputs: int
    """Of the convolution: twice the layer's own, where it is of another kind than ``conv``."""
    kernel: int = 1
    dilation: int = 1
    kind: Literal["conv", "highway", "upsample"] = "conv"
    norm: bool = True
    relu: bool = False

    @property
    def reach(self) -> int:
        """Frames between the first tap and the last."""
        return (self.kernel - 1) * self.dilation


def highway(channels: int, kernel: int, dilation: int = 1) -> Layer:
    """A highway convolution (arXiv:1710.08969, section 3.1)."""
    return Layer(channels, 2 * channels, kernel, dilation, "highway")


def text_encoder(config: Text2MelConfig, *, letters: bool = False) -> list[Layer]:
    """Embedded symbols to keys and values, ``2 * d`` channels: the encoder for phones and all else, or for letters."""
    channels, dilations = config.text_channels, config.text_dilations
    if letters:
        channels, dilations = config.letters_channels, config.letters_dilations or dilations
    layers = [
        Layer(config.embedding, channels, norm=False, relu=True),
        Layer(channels, channels),
        *(highway(channels, 3, dilation) for dilation in dilations),
        *(highway(channels, 3) for _ in range(2)),
        *(highway(channels, 1) for _ in range(2)),
    ]
    if channels != 2 * config.channels:
        layers.append(Layer(channels, 2 * config.channels))
    return layers


def audio_encoder(config: Text2MelConfig, n_mels: int) -> list[Layer]:
    """The mel so far to queries, causal."""
    d = config.channels
    return [
        Layer(n_mels, d, norm=False, relu=True),
        Layer(d, d, relu=True),
        Layer(d, d),
        *(highway(d, 3, dilation) for dilation in config.audio_dilations),
    ]


def audio_decoder(config: Text2MelConfig, n_mels: int) -> list[Layer]:
    """Context and queries to the logits of the next frame, causal."""
    d = config.channels
    return [
        Layer(2 * d, d),
        *(highway(d, 3, dilation) for dilation in config.decoder_dilations),
        *(Layer(d, d, relu=True) for _ in range(3)),
        Layer(d, n_mels),
    ]


def flow(hidden: int, n_mels: int, channels: int, blocks: int) -> dict[str, Layer]:
    """The layers of :class:`voicebank.dctts.layers.FlowHead` by their names, in the order in which they compute."""
    return {
        "condition": Layer(hidden, channels * (1 + 2 * blocks)),
        "enter": Layer(n_mels, channels, norm=False),
        **{f"layers.{i}": Layer(channels, channels, norm=False) for i in range(2 * blocks)},
        "leave": Layer(channels, n_mels),
    }


def flow_of(config: Text2MelConfig, n_mels: int) -> dict[str, Layer]:
    """The flow of a Text2Mel; without layers where it has none."""
    if not config.flow_channels:
        return {}
    hidden = config.channels + n_mels * config.flow_previous
    return flow(hidden, n_mels, config.flow_channels, config.flow_blocks)


def ssrn(config: SSRNConfig, n_mels: int, bins: int, reduction: int) -> dict[str, list[Layer]]:
    """The stacks of SSRN by their names, in the order in which they compute.

    Raises:
        ValueError: the reduction is no power of two.
    """
    c, top = config.channels, config.top_channels
    doublings = reduction.bit_length() - 1
    if 2**doublings != reduction:
        raise ValueError(f"the reduction must be a power of two, not {reduction}")
    stages = [Layer(n_mels, c, norm=False), *(Layer(c, 2 * c, kind="upsample") for _ in range(doublings))]
    stacks = {f"stages.{i}": [first, highway(c, 3), highway(c, 3, 3)] for i, first in enumerate(stages)}
    stacks["top"] = [
        Layer(c, top),
        highway(top, 3),
        highway(top, 3),
        Layer(top, bins),
        Layer(bins, bins, relu=True),
        Layer(bins, bins, relu=True),
        Layer(bins, bins),
    ]
    return stacks


def text2mel_shapes(config: Text2MelConfig, n_mels: int) -> Shapes:
    """Name and shape of every tensor of a Text2Mel, in the order of the module's ``state_dict``."""
    s = config.speakers
    encoders = {"": config.text_channels, "letters_": config.letters_channels}
    shapes: Shapes = {}
    for name, width in encoders.items():
        if width:
            shapes[f"{name}embedding.weight"] = (TABLE_SIZE, config.embedding)
            shapes |= _stack(f"{name or 'text_'}encoder", text_encoder(config, letters=bool(name)), s)
    shapes |= _stack("audio_encoder", audio_encoder(config, n_mels), s)
    shapes |= _stack("audio_decoder", audio_decoder(config, n_mels), s)
    if layers := flow_of(config, n_mels):
        shapes["flow.mean"] = shapes["flow.deviation"] = (s, n_mels)
        for name, layer in layers.items():
            shapes |= dict(_layer(f"flow.{name}", layer, s))
            if name == "condition":
                shapes["flow.times.0.weight"] = (config.flow_channels, COSINES)
                shapes["flow.times.2.weight"] = (layer.outputs, config.flow_channels)
    return shapes


def ssrn_shapes(config: SSRNConfig, n_mels: int, bins: int, reduction: int) -> Shapes:
    """Name and shape of every tensor of an SSRN."""
    shapes: Shapes = {}
    for name, layers in ssrn(config, n_mels, bins, reduction).items():
        shapes |= _stack(name, layers, 1)
    return shapes


def _stack(name: str, layers: Sequence[Layer], speakers: int) -> Shapes:
    return {key: shape for i, layer in enumerate(layers) for key, shape in _layer(f"{name}.{i}", layer, speakers)}


def _layer(name: str, layer: Layer, speakers: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (layer.outputs, layer.kernel * layer.inputs)
    yield f"{name}.bias", (speakers, layer.outputs)
