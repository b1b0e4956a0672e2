"""Writes seqeval.json: random tag sequences and the entities that seqeval 1.2.2 reads off them (pip install seqeval==1.2.2)."""

import json
import random
from pathlib import Path

from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB1, IOB2, IOBES, Entities

SCHEMES = {"iob1": (IOB1, "BI"), "iob2": (IOB2, "BI"), "bioes": (IOBES, "BIES")}


def sentence(prefixes, length, rng):
    tags = ["O"] + [f"{prefix}-{kind}" for prefix in prefixes for kind in ("LOC", "PER-name")]
    return [rng.choice(tags) for _ in range(length)]


def strict(tags, scheme):
    return [[e.tag, e.start, e.end] for e in Entities([tags], scheme).entities[0]]


def lenient(tags):
    return [[kind, start, end + 1] for kind, start, end in get_entities(tags)]


def case(name, rng):
    scheme, prefixes = SCHEMES[name]
    lengths = [rng.randint(1, 8) for _ in range(12)]
    gold, predicted = ([sentence(prefixes, length, rng) for length in lengths] for _ in range(2))
    return {
        "scheme": name,
        "gold": gold,
        "predicted": predicted,
        "strict": None if name == "iob1" else [strict(tags, scheme) for tags in gold],
        "lenient": [lenient(tags) for tags in gold],
        # in IOB1 seqeval begins an entity in the middle of a malformed one: compared leniently only
        "f1Strict": None if name == "iob1" else f1_score(gold, predicted, mode="strict", scheme=scheme, zero_division=0),
        "f1Lenient": f1_score(gold, predicted, zero_division=0),
    }


rng = random.Random(0)
cases = [case(name, rng) for name in SCHEMES for _ in range(4)]
Path(__file__).with_name("seqeval.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
