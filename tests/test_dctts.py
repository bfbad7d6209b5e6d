"""The networks: sizes, masks, the speaker table, the incremental decoder against the full forward pass."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from voicebank.config import PRESETS, SSRNConfig, Text2MelConfig
from voicebank.dctts.decoder import Decoding, decode
from voicebank.dctts.layers import FlowHead
from voicebank.dctts.shapes import ssrn_shapes, text2mel_shapes
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.text.symbols import LETTERS, TABLE_SIZE, encode
from voicebank.training.losses import alignment_loss, guided_attention_loss, guided_attention_weight, spectrogram_loss
from voicebank.training.runs import with_rows

TEXT = ["hˈɛˈlˈoʊ wˈɜːld.", "A MIXED sˈɛntəns, LONGER THAN ðə ˈʌðɚ."]


def text2mel(speakers: int = 1, preset: str = "tiny", flow: bool = False) -> Text2Mel:
    torch.manual_seed(0)
    model = Text2Mel(PRESETS[preset][0].model_copy(update={"speakers": speakers})).eval()
    if flow:
        model = model.with_flow(torch.rand(speakers, 80), 0.3 * torch.rand(speakers, 80), 48, 2).eval()
    with torch.no_grad():  # biases start at zero: a table of equal rows would hide a mistake
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.3)
            elif name == "flow.leave.weight":
                parameter.normal_(std=0.1)
    return model


def noise(sentence: list[int], frames: int, model: Text2Mel, seed: int = 0) -> torch.Tensor:
    drawn = np.random.default_rng([seed, *sentence]).standard_normal((1, frames, model.n_mels), np.float32)
    return torch.from_numpy(drawn) * model.config.flow_noise


def batch(sentences: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    n = max(map(len, sentences))
    symbols = torch.tensor([s + [0] * (n - len(s)) for s in sentences])
    lengths = torch.tensor([len(s) for s in sentences])
    return symbols, torch.arange(n) < lengths[:, None]


def parameters(model: torch.nn.Module) -> float:
    return sum(p.numel() for p in model.parameters()) / 1e6


def test_paper_preset_has_the_papers_size() -> None:
    # 24 M weights in Text2Mel, 17 M of them in the text encoder, as the paper's channels give.
    model = Text2Mel(PRESETS["paper"][0])
    assert parameters(model) == pytest.approx(23.9, abs=0.3)
    assert parameters(model.text_encoder) == pytest.approx(17.1, abs=0.3)
    assert parameters(SSRN(PRESETS["paper"][1])) == pytest.approx(25.0, abs=0.3)


def test_paper_preset_takes_a_step() -> None:
    model = Text2Mel(PRESETS["paper"][0])
    symbols, mask = batch([encode(TEXT[0])])
    output = model(symbols, mask, torch.rand(1, 12, 80))
    assert output.logits.shape == (1, 12, 80) and output.attention.shape == (1, 12, symbols.shape[1])
    output.logits.mean().backward()
    magnitude = SSRN(PRESETS["paper"][1])(torch.rand(1, 5, 80))
    assert magnitude.shape == (1, 20, 513)
    magnitude.mean().backward()


def test_four_base_voices_fit_a_wheel() -> None:
    total = 4 * sum(map(parameters, (Text2Mel(Text2MelConfig()), SSRN(SSRNConfig())))) * 2
    assert total < 100  # megabytes of float16


@pytest.mark.parametrize(("preset", "flow"), [("tiny", False), ("base", False), ("tiny", True), ("base", True)])
def test_incremental_equals_full_forward(preset: str, flow: bool) -> None:
    model = text2mel(preset=preset, flow=flow)
    sentences = [encode(t) for t in TEXT]
    results = decode(model.inference(), sentences, [70, 90], monotonic=False)
    for sentence, result in zip(sentences, results, strict=True):
        symbols, mask = batch([sentence])
        previous = F.pad(torch.from_numpy(result.mel)[None], (0, 0, 1, 0))[:, :-1]
        with torch.no_grad():
            full = model(symbols, mask, previous)
            mel = model.mel(full, noise=noise(sentence, len(result.mel), model))
        assert np.allclose(mel[0], result.mel, atol=1e-4)
        assert np.allclose(full.attention[0], result.attention, atol=1e-4)


def test_a_batch_decodes_as_each_sentence_alone() -> None:
    model = text2mel()
    sentences = [encode(t) for t in TEXT]
    together = decode(model.inference(), sentences, [40, 55])
    for sentence, longest, result in zip(sentences, [40, 55], together, strict=True):
        alone = decode(model.inference(), [sentence], [longest])[0]
        assert alone.mel.shape == result.mel.shape
        assert np.allclose(alone.mel, result.mel, atol=1e-4)
        assert alone.ended == result.ended


def test_noise_depends_on_sentence_and_seed_alone() -> None:
    model = text2mel(flow=True)
    sentences = [encode(t) for t in TEXT]
    together = decode(model.inference(), sentences, [40, 55])
    alone = Decoding(model.inference(), sentences[1], 55)
    while not alone.done:
        alone.advance(7)
    assert np.array_equal(together[1].mel, alone.result().mel)
    assert not np.array_equal(decode(model.inference(), sentences, [40, 55], seed=1)[1].mel, together[1].mel)


def test_flow_learns_which_of_two_frames_to_say() -> None:
    # L1 would say their middle; the flow says one of them, or the other.
    torch.manual_seed(0)
    flow = FlowHead(8, 4, 32, 1)
    hidden, mask = torch.zeros(64, 4, 8), torch.ones(64, 4, dtype=torch.bool)
    optimizer = torch.optim.Adam(flow.parameters(), 3e-3)
    for _ in range(500):
        mel = torch.where(torch.rand(64, 4, 1) < 0.5, 0.2, 0.8).expand(-1, -1, 4)
        optimizer.zero_grad()
        flow.loss(hidden, mel, mask).backward()
        optimizer.step()
    with torch.no_grad():
        said = flow.sample(hidden, torch.randn(64, 4, 4), 8).mean(-1)
    assert (((said - 0.2).abs() < 0.1) | ((said - 0.8).abs() < 0.1)).float().mean() > 0.8
    assert 0.3 < (said > 0.5).float().mean() < 0.7


def test_forced_attention_moves_one_back_to_three_ahead() -> None:
    result = decode(text2mel().inference(), [encode(TEXT[1])], [60])[0]
    steps = np.diff(result.attention.argmax(-1))
    assert int(steps.min()) >= -1 and int(steps.max()) <= 3


def test_padding_changes_nothing() -> None:
    model = text2mel()
    (a, b) = (encode(t) for t in TEXT)
    symbols, mask = batch([a, b])
    previous = torch.rand(2, 20, 80)
    with torch.no_grad():
        both = model(symbols, mask, previous)
        alone = model(symbols[:1, : len(a)], mask[:1, : len(a)], previous[:1])
    assert torch.allclose(both.logits[0], alone.logits[0], atol=1e-5)

    torch.manual_seed(0)
    ssrn = SSRN(PRESETS["tiny"][1]).eval()
    mel = torch.rand(1, 10, 80)
    padded = torch.cat([mel, torch.rand(1, 6, 80)], 1)
    masked = ssrn.magnitude(padded, torch.arange(16)[None] < 10)
    assert torch.allclose(masked[:, :40], ssrn.magnitude(mel), atol=1e-5)


def test_keeping_a_speaker_folds_its_row() -> None:
    model = text2mel(speakers=3, flow=True)
    symbols, mask = batch([encode(TEXT[0])])
    previous = torch.rand(1, 15, 80)
    single = model.keep_speaker(2).eval()
    assert single.config.speakers == 1
    with torch.no_grad():
        start = torch.randn(1, 15, 80)
        row = torch.tensor([2])
        whole, folded = model(symbols, mask, previous, row), single(symbols, mask, previous)
        assert torch.allclose(folded.logits, whole.logits, atol=1e-5)
        expected = model.mel(whole, row, start)
        assert torch.allclose(single.mel(folded, noise=start), expected, atol=1e-5)
        assert not torch.allclose(model.mel(whole, torch.tensor([0]), start), expected, atol=1e-2)
    assert all(map(torch.equal, single.state_dict().values(), with_rows([single]).state_dict().values()))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_shapes_are_those_of_the_modules(preset: str) -> None:
    sizes, upper = PRESETS[preset]
    flow = {"flow_channels": 24, "flow_blocks": 2, "flow_previous": True, "letters_channels": 40, "speakers": 2}
    deep = {**flow, "letters_dilations": (1, 3, 3)}
    for config in (sizes, sizes.model_copy(update=flow), sizes.model_copy(update=deep)):
        state = Text2Mel(config, 77).state_dict()
        assert list(text2mel_shapes(config, 77).items()) == [(name, tuple(t.shape)) for name, t in state.items()]
    state = SSRN(upper, 77, 99, 8).state_dict()
    assert list(ssrn_shapes(upper, 77, 99, 8).items()) == [(name, tuple(t.shape)) for name, t in state.items()]


def test_what_reads_letters_begins_as_what_reads_phones_and_may_be_deeper() -> None:
    model = Text2Mel(PRESETS["tiny"][0])
    written, mask = torch.randint(*LETTERS, (2, 9)), torch.ones(2, 9, dtype=torch.bool)
    expected = model.encode_text(written, mask)[0]
    shallow = model.with_letters()
    assert torch.equal(shallow.encode_text(written, mask)[0], expected)
    deep = shallow.with_letters(5)
    assert len(deep.letters_encoder) == len(model.text_encoder) + 3 and deep.config.letters_channels
    keys = deep.encode_text(written, mask)[0]
    assert not torch.allclose(keys, expected, atol=0.05)
    assert np.allclose(deep.inference().encode_text(written[0].tolist())[0], keys[0].detach(), atol=1e-4)
    assert deep.with_letters(5) is deep and deep.with_letters() is deep
    phones = torch.randint(LETTERS[1] + 1, TABLE_SIZE, (2, 9))
    assert torch.equal(deep.encode_text(phones, mask)[0], model.encode_text(phones, mask)[0])


def test_losses() -> None:
    target = torch.rand(2, 7, 5).clamp(0.01, 0.99)
    mask = torch.arange(7) < torch.tensor([[7], [3]])
    l1, divergence = spectrogram_loss(torch.logit(target), target, mask)
    assert float(l1) == pytest.approx(0, abs=1e-5) and float(divergence) == pytest.approx(0, abs=1e-5)
    worse = torch.logit(target)
    worse[1, 3:] += 5  # on padding: must not count
    assert float(spectrogram_loss(worse, target, mask)[0]) == pytest.approx(0, abs=1e-5)

    n, t = torch.tensor([20]), torch.tensor([40])
    weight = guided_attention_weight(n, t, 24, 48)
    assert float(weight[0, 20, 10]) == pytest.approx(0, abs=1e-3)  # on the diagonal
    assert float(weight[0, 39, 0]) > 0.9  # far from it
    assert float(weight[0, 40:].sum()) == 0 and float(weight[0, :, 20:].sum()) == 0
    diagonal = torch.zeros(1, 48, 24)
    diagonal[0, torch.arange(40), torch.arange(40) // 2] = 1
    assert float(guided_attention_loss(diagonal, n, t)) < 0.01
    assert float(guided_attention_loss(diagonal.flip(1), n, t)) > 0.5
    places = (torch.arange(48) // 2).clamp(max=19)[None]
    assert float(alignment_loss(diagonal, places, torch.arange(48)[None] < t[:, None])) == pytest.approx(0, abs=1e-4)
    assert float(alignment_loss(diagonal.flip(1), places, torch.arange(48)[None] < t[:, None])) > 5
