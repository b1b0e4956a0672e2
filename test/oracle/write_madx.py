"""Write test/fixtures/madx: adapters saved by the real `adapters` library, and the outputs it gives.

    python test/oracle/write_madx.py [id ...]

The format is described in test/fixtures/madx/README.md. Weights are float32, outputs come from a float64
run; a case is written only if the adapters, loaded again from their folders, give the same output.
"""

import dataclasses
import logging
import shutil
import sys
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import onnxruntime
import torch
from adapters import (
    AdapterPlusConfig,
    BnConfig,
    DoubleSeqBnConfig,
    LoRAConfig,
    ParBnConfig,
    SeqBnConfig,
    SeqBnInvConfig,
)
from adapters.composition import Average, BatchSplit, Fuse, Parallel, Split, Stack
from safetensors.torch import save_file

import library
import tiny

ROOT = tiny.FIXTURES / "madx"
TOLERANCE = 1e-5
OPSET = "opset14"


@dataclass
class Case:
    """One composition on one encoder. `head`: none, "tagging" (one a task adapter) or "default" (masked LM)."""

    id: str
    family: str
    adapters: dict
    composition: object
    head: str | None = None
    fusion: str | None = None
    notes: str = ""
    # The runs whose rows, one under the other, are the output: for blocks that the library gets wrong.
    singles: list = field(default_factory=list)


# ---- the cases -------------------------------------------------------------------------------------

LANGUAGE = SeqBnInvConfig(reduction_factor=2, inv_adapter_reduction_factor=2, non_linearity="gelu")
LANGUAGE_2 = SeqBnInvConfig(reduction_factor=2, leave_out=[2])
GLOW = SeqBnInvConfig(reduction_factor=2, inv_adapter="glow", non_linearity="tanh")
TASK = SeqBnConfig(reduction_factor=4)
GELU = SeqBnConfig(reduction_factor=4, non_linearity="gelu")


def madx() -> list[Case]:
    stack = Stack("lang", "task")
    pair = {"lang": LANGUAGE_2, "task": TASK}
    glow = "GLOW by the intended formula: the library's own never calls its second network"
    return [
        Case("madx-xlmr", "xlm-roberta", pair, stack, head="tagging", notes="lang leaves out the last layer"),
        Case("madx-bert", "bert", pair, stack, head="tagging", notes="lang leaves out the last layer"),
        Case("madx-first-left-out-xlmr", "xlm-roberta", {"lang": LANGUAGE, "task": left_out(TASK, 0)}, stack),
        Case(
            "madx-both-left-out-xlmr", "xlm-roberta", {"lang": left_out(LANGUAGE, 1), "task": left_out(TASK, 1)}, stack
        ),
        Case("madx-glow-xlmr", "xlm-roberta", {"lang": GLOW, "task": TASK}, stack, head="tagging", notes=glow),
        Case("mlm-base-xlmr", "xlm-roberta", {}, None, head="default"),
        Case("mlm-base-bert", "bert", {}, None, head="default"),
        Case("mlm-nice-xlmr", "xlm-roberta", {"lang": LANGUAGE}, Stack("lang"), head="default"),
        Case("mlm-nice-bert", "bert", {"lang": LANGUAGE_2}, Stack("lang"), head="default"),
        Case("mlm-glow-xlmr", "xlm-roberta", {"lang": GLOW}, Stack("lang"), head="default", notes=glow),
    ]


def left_out(config: BnConfig, *layers: int) -> BnConfig:
    return dataclasses.replace(config, leave_out=list(layers))


def compositions() -> list[Case]:
    two = {"a": TASK, "b": GELU}
    same = {"a": TASK, "b": TASK}
    lang = {"lang": LANGUAGE}
    return [
        Case("fuse-dynamic-xlmr", "xlm-roberta", same, Fuse("a", "b"), fusion="dynamic"),
        Case("fuse-dynamic-bert", "bert", same | {"c": TASK}, Fuse("a", "b", "c"), fusion="dynamic"),
        Case("fuse-static-xlmr", "xlm-roberta", same, Fuse("a", "b"), fusion="static"),
        Case("fuse-houlsby-bert", "bert", {"a": HOULSBY, "b": HOULSBY}, Fuse("a", "b"), fusion="dynamic"),
        Case("stack-fuse-xlmr", "xlm-roberta", lang | same, Stack("lang", Fuse("a", "b")), fusion="dynamic"),
        Case("average-xlmr", "xlm-roberta", two, Average("a", "b", weights=[0.3, 0.7]), notes=AVERAGE),
        Case("average-of-three-bert", "bert", two | {"c": TASK}, Average("a", "b", "c"), notes=AVERAGE),
        Case("stack-average-xlmr", "xlm-roberta", lang | two, Stack("lang", Average("a", "b")), notes=AVERAGE),
        Case("split-xlmr", "xlm-roberta", two, Split("a", "b", splits=[3, 4])),
        Case("stack-split-bert", "bert", lang | two, Stack("lang", Split("a", "b", splits=[5, 2]))),
        Case("batch-split-xlmr", "xlm-roberta", two, BatchSplit("a", "b", batch_sizes=[1, 1])),
        Case("stack-batch-split-bert", "bert", lang | two, Stack("lang", BatchSplit("a", "b", batch_sizes=[1, 1]))),
        Case("parallel-xlmr", "xlm-roberta", two, Parallel("a", "b"), notes=ROWS),
        Case("stack-parallel-xlmr", "xlm-roberta", lang | two, Stack("lang", Parallel("a", "b")), head="tagging"),
        Case("stack-parallel-bert", "bert", lang | two, Stack("lang", Parallel("a", "b")), notes=ROWS),
        *corrected(),
    ]


AVERAGE = "CORRECTED: the library divides by N once too often; here the weighted mean"
ROWS = "output batch is N*B: rows [i*B, (i+1)*B) belong to child i"


def corrected() -> list[Case]:
    """Blocks whose children the library treats otherwise than alone: the output is that of the children alone."""
    plain = SeqBnConfig(reduction_factor=2)
    four = {"l1": plain, "l2": plain, "t1": TASK, "t2": GELU}
    stacks = [Stack("l1", "t1"), Stack("l2", "t2")]
    twice = "CORRECTED: the library normalises a nested Stack twice; here each child is as it is alone. "
    crash = "CORRECTED: the library crashes on a child left out of a layer; here each child is as it is alone. "
    partial = {"a": left_out(TASK, 0), "b": left_out(GELU, 2)}
    rows = BatchSplit(*stacks, batch_sizes=[1, 1])
    return [
        Case("parallel-stacks-xlmr", "xlm-roberta", four, Parallel(*stacks), singles=stacks, notes=twice + ROWS),
        Case("batch-split-stacks-xlmr", "xlm-roberta", four, rows, singles=stacks, notes=twice),
        Case("parallel-left-out-bert", "bert", partial, Parallel("a", "b"), singles=["a", "b"], notes=crash + ROWS),
    ]


HOULSBY = DoubleSeqBnConfig(reduction_factor=4)


def layouts() -> list[Case]:
    plus = AdapterPlusConfig(reduction_factor=4, stochastic_depth=0.0)
    found = {
        "seq-bn": TASK,
        "double-seq-bn": HOULSBY,
        "par-bn": ParBnConfig(reduction_factor=4),
        "scaled-par-bn": ParBnConfig(reduction_factor=4, scaling="learned"),
        "adapter-plus": plus,
        "ln-before": dataclasses.replace(TASK, ln_before=True),
        "ln-after": dataclasses.replace(TASK, ln_after=True),
        "ln-both-houlsby": dataclasses.replace(HOULSBY, ln_before=True, ln_after=True),
        "gating": dataclasses.replace(TASK, use_gating=True),
        "gating-parallel": ParBnConfig(reduction_factor=4, use_gating=True, ln_after=True),
        "scaling-channel": dataclasses.replace(TASK, scaling="channel"),
        "scaling-learned": dataclasses.replace(TASK, scaling="learned"),
        "scaling-fixed": dataclasses.replace(TASK, scaling=0.5),
        "reduction-map": dataclasses.replace(HOULSBY, reduction_factor={"1": 8, "default": 3}),
        "widening": dataclasses.replace(TASK, reduction_factor=0.5),
        "ln-before-only": dataclasses.replace(TASK, original_ln_after=False, residual_before_ln=False),
        "attention-only": dataclasses.replace(HOULSBY, output_adapter=False),
    }
    for name, value in {"true": True, "false": False, "post-add": "post_add"}.items():
        for inner in (True, False):
            config = dataclasses.replace(
                TASK, residual_before_ln=value, adapter_residual_before_ln=inner, ln_after=True
            )
            found[f"residual-{name}-{'before' if inner else 'after'}-ln"] = config
    found["residual-false-no-first-ln"] = dataclasses.replace(HOULSBY, residual_before_ln=False)
    cases = [Case(f"bn-{name}-xlmr", "xlm-roberta", {"task": config}, Stack("task")) for name, config in found.items()]
    for family in ("bert", "distilbert"):
        cases.append(Case(f"bn-double-seq-bn-{family}", family, {"task": HOULSBY}, Stack("task")))
        cases.append(Case(f"bn-adapter-plus-{family}", family, {"task": plus}, Stack("task")))
    return cases + activations()


def activations() -> list[Case]:
    names = ("gelu", "gelu_new", "swish", "leakyrelu", "tanh", "sigmoid", "quick_gelu", "relu6", "mish")
    return [
        Case(f"act-{name}-bert", "bert", {"task": dataclasses.replace(TASK, non_linearity=name)}, Stack("task"))
        for name in names
    ]


def loras() -> list[Case]:
    everywhere = dict(attn_matrices=["q", "k", "v"], intermediate_lora=True, output_lora=True)
    found = {
        "qv": LoRAConfig(r=4, alpha=4),
        "qv-alpha": LoRAConfig(r=4, alpha=16),
        "everywhere": LoRAConfig(r=4, alpha=8, **everywhere),
        "left-out": LoRAConfig(r=4, alpha=8, leave_out=[1]),
        "gating": LoRAConfig(r=4, use_gating=True),
        "ffn-only": LoRAConfig(r=2, alpha=4, selfattn_lora=False, intermediate_lora=True, output_lora=True),
    }
    cases = [
        Case(f"lora-{name}-xlmr", "xlm-roberta", {"task": config}, Stack("task")) for name, config in found.items()
    ]
    for family in ("bert", "distilbert"):
        cases.append(Case(f"lora-everywhere-{family}", family, {"task": found["everywhere"]}, Stack("task")))
    return cases


# ---- one case --------------------------------------------------------------------------------------


def write(case: Case) -> None:
    folder = new_folder(case)
    model = prepare(case)
    save(model, case, folder)
    single = run(model, case)
    expected = run(model.double(), case)
    measured = {
        "f32_vs_f64": max(relative(single[name], expected[name]) for name in expected),
        "effect_vs_inactive": effect(model, case, expected),
    }
    check_reload(case, folder, single)
    tiny.write_json(folder / "case.json", described(case, expected, measured))
    print(f"{case.id:36}", *(f"{name} {value:.1e}" for name, value in measured.items()), flush=True)


def new_folder(case: Case) -> Path:
    folder = ROOT / case.id
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def prepare(case: Case) -> torch.nn.Module:
    """The model with the case's adapters, fusion and heads, all of them random."""
    model = library.new_model(case.family)
    known = {name for name, _ in model.named_parameters()}
    for name, config in case.adapters.items():
        model.add_adapter(name, config=config)
    if case.fusion:
        model.add_adapter_fusion(fused(case), config=case.fusion)
    for name in heads(case):
        model.add_tagging_head(name, num_labels=tiny.TAGS)
    library.randomize_added(model, known, case.id)
    if case.head == "default":
        library.add_default_head(model, case.family)
    return model.eval()


def fused(case: Case) -> Fuse:
    block = case.composition
    return block if isinstance(block, Fuse) else next(child for child in block.children if isinstance(child, Fuse))


def heads(case: Case) -> list[str]:
    """Names of the tagging heads: those of the task adapters, which stand last."""
    if case.head != "tagging":
        return []
    last = case.composition.children[-1]
    if isinstance(last, Fuse):
        return [last.last()]
    return [last] if isinstance(last, str) else list(last.children)


def run(model: torch.nn.Module, case: Case) -> dict:
    """The outputs of the composition: hidden states and, where there are heads, what these give."""
    if case.singles:
        return run_singles(model, case)
    found = {"last_hidden_state": forward(model, case, case.composition, None)[0]}
    if case.fusion:
        found["fusion_attentions"] = fusion_attentions(model, case)
    if case.head == "default":
        return {"logits": forward(model, case, case.composition, "default").logits}
    if len(heads(case)) == 1:
        found["logits"] = forward(model, case, case.composition, heads(case)[0]).logits
    elif heads(case):
        outputs = forward(model, case, case.composition, heads(case))
        found["heads"] = torch.stack([entry.logits for entry in outputs])
    return found


def run_singles(model: torch.nn.Module, case: Case) -> dict:
    outputs = [
        forward(model, case, Stack(child) if isinstance(child, str) else child, None)[0] for child in case.singles
    ]
    if isinstance(case.composition, BatchSplit):
        outputs = [entry[row : row + 1] for row, entry in enumerate(outputs)]
    return {"last_hidden_state": torch.cat(outputs)}


def forward(model: torch.nn.Module, case: Case, composition, head, **more):
    model.set_active_adapters(composition)
    model.active_head = head
    with torch.no_grad():
        return model(**tiny.feeds(case.family), **more)


def fusion_attentions(model: torch.nn.Module, case: Case) -> torch.Tensor:
    """Attention over the fused adapters, [layer, location, batch, sequence, adapter]; locations in forward order."""
    found = forward(model, case, case.composition, None, output_adapter_fusion_attentions=True)
    (layers,) = found.adapter_fusion_attentions.values()
    values = [[torch.as_tensor(entry) for entry in places.values()] for places in layers.values()]
    return torch.stack([torch.stack(places) for places in values])


def effect(model: torch.nn.Module, case: Case, expected: dict) -> float:
    """How much the adapters change the output; refuses a case whose adapters did nothing."""
    if not case.adapters:
        return 0.0
    name = "logits" if case.head == "default" else "last_hidden_state"
    plain = forward(model, case, None, "default" if case.head == "default" else None)[0]
    channels = len(expected[name]) // len(plain)
    found = relative(torch.cat([plain] * channels), expected[name])
    if found < 0.05:
        raise AssertionError(f"{case.id}: the adapters change the output by {found:.1e} only")
    return found


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


# ---- files -----------------------------------------------------------------------------------------


def save(model: torch.nn.Module, case: Case, folder: Path) -> None:
    """Folders as the library writes them, with safetensors."""
    for name in case.adapters:
        try:
            model.save_adapter(str(folder / name), name, use_safetensors=True)
        except RuntimeError:
            save_shared(model, folder / name, name)
    if case.fusion:
        model.save_adapter_fusion(str(folder / "fusion"), fused(case), use_safetensors=True)


def save_shared(model: torch.nn.Module, folder: Path, name: str) -> None:
    """The library cannot save an adapter with `ln_before` as safetensors (one tensor under two names): do it here."""
    with tempfile.TemporaryDirectory() as scratch:
        model.save_adapter(scratch, name, with_head=False)
        weights = torch.load(Path(scratch) / "pytorch_adapter.bin", weights_only=True)
        folder.mkdir(exist_ok=True)
        shutil.copy(Path(scratch) / "adapter_config.json", folder)
    save_file({key: tensor.clone().contiguous() for key, tensor in weights.items()}, folder / "adapter.safetensors")
    if name in model.heads:
        model.save_head(str(folder), name, use_safetensors=True)


def check_reload(case: Case, folder: Path, expected: dict) -> None:
    """A fresh model with the adapters read from the folders gives the same output."""
    model = library.new_model(case.family)
    for name in case.adapters:
        model.load_adapter(str(folder / name), use_safetensors=True)
    if case.fusion:
        model.load_adapter_fusion(str(folder / "fusion"), use_safetensors=True)
    if case.head == "default":
        library.add_default_head(model, case.family)
    found = run(model.eval(), case)
    for name, tensor in expected.items():
        if relative(found[name], tensor) > 1e-6:
            raise AssertionError(f"{case.id}: {name} differs after loading")


def described(case: Case, expected: dict, measured: dict) -> dict:
    mlm = "-mlm" if case.head == "default" else ""
    names = heads(case)
    record = {
        "id": case.id,
        "kind": "adapters" if case.adapters else "base",
        "backbone": case.family,
        "backboneFile": f"backbones/{case.family}-{OPSET}{mlm}/model.onnx",
        "adapters": {name: name for name in case.adapters},
        "composition": library.composition_json(case.composition),
    }
    if case.fusion:
        record |= {"fusion": "fusion", "fusionName": ",".join(fused(case).children)}
    if case.head:
        head = "default" if case.head == "default" else names[0] if len(names) == 1 else names
        record |= {"heads": {name: name for name in names}, "head": head}
    return record | {
        "feeds": tiny.plain(tiny.feeds(case.family)),
        "expected": tiny.plain(expected, 8),
        "tolerance": TOLERANCE,
        "measured": {name: tiny.rounded(value, 3) for name, value in measured.items()},
        "notes": case.notes,
    }


def check_backbones() -> None:
    """The library's models without adapters compute what the exported graphs compute."""
    for family in ("bert", "xlm-roberta", "distilbert"):
        session = onnxruntime.InferenceSession(str(tiny.FIXTURES / "backbones" / f"{family}-{OPSET}" / "model.onnx"))
        feeds = tiny.feeds(family)
        (found,) = session.run(None, {name: tensor.numpy() for name, tensor in feeds.items()})
        with torch.no_grad():
            expected = library.new_model(family)(**feeds)[0]
        if relative(torch.from_numpy(found), expected) > TOLERANCE:
            raise AssertionError(f"{family}: the exported backbone has other weights; run export_backbones.py")


def main(wanted: list[str]) -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    library.repair()
    check_backbones()
    cases = [*madx(), *compositions(), *layouts(), *loras()]
    for case in cases:
        if not wanted or case.id in wanted:
            write(case)
    tiny.write_json(ROOT / "manifest.json", {"format": 1, "versions": tiny.versions()}, indent=1)


if __name__ == "__main__":
    main(sys.argv[1:])
