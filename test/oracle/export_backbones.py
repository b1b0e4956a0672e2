"""Write test/fixtures/backbones: tiny random encoders as ONNX, by every exporter and opset.

    python test/oracle/export_backbones.py [family ...]

Each folder <family>-<export> holds model.onnx, config.json and io.json (feeds, and what torch
answers in float64). manifest.json lists the folders, their error against torch, and what torch refused.
"""

import logging
import re
import shutil
import sys
import traceback
import warnings
from dataclasses import dataclass

import numpy
import onnx
import onnxruntime
import torch

import tiny

ROOT = tiny.FIXTURES / "backbones"


@dataclass(frozen=True)
class Export:
    """One way of writing a model: the folder's ending, the exporter, the opset, the attention."""

    name: str
    opset: int
    attention: str = "eager"
    dynamo: bool = False
    head: bool = False


TORCHSCRIPT = [Export("opset11", 11), Export("opset14", 14), Export("opset17", 17), Export("opset17-sdpa", 17, "sdpa")]
DYNAMO = [
    Export("dynamo18", 18, dynamo=True),
    Export("dynamo20-sdpa", 20, "sdpa", dynamo=True),
    Export("dynamo23-sdpa", 23, "sdpa", dynamo=True),
]
ALL = TORCHSCRIPT + DYNAMO
MASKED_LM = [Export("opset14-mlm", 14, head=True), Export("dynamo18-mlm", 18, dynamo=True, head=True)]

# RoBERTa is XLM-R and MiniLM is BERT in another size: the ends of the range are enough.
PLAN = {
    "bert": ALL + MASKED_LM,
    "xlm-roberta": ALL + MASKED_LM[:1],
    "roberta": [TORCHSCRIPT[0], TORCHSCRIPT[3], DYNAMO[0]],
    "minilm": [TORCHSCRIPT[1], TORCHSCRIPT[3], DYNAMO[1]],
    "distilbert": ALL,
    "modernbert": ALL,
    # Asked for sdpa attention, torch refuses DeBERTa: a newer opset with eager attention takes its place.
    "deberta-v2": ALL + [Export("dynamo20", 20, dynamo=True)],
}


class FirstOutput(torch.nn.Module):
    """The encoder with named tensors in and one tensor out, as the exporters want it."""

    def __init__(self, model: torch.nn.Module, names: list[str]):
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return self.model(**dict(zip(self.names, tensors)), return_dict=True)[0]


def export(family: str, how: Export) -> dict:
    """Write one folder and return its line of the manifest."""
    folder = ROOT / f"{family}-{how.name}"
    folder.mkdir(parents=True, exist_ok=True)
    feeds = tiny.feeds(family)
    output = "logits" if how.head else "last_hidden_state"
    model = tiny.build(family, how.attention, how.head)
    expected = reference(family, how)
    path = folder / "model.onnx"
    write_onnx(FirstOutput(model, list(feeds)), feeds, output, how, path)
    error = compare(path, feeds, output, expected)
    write_config(folder, model)
    tiny.write_json(folder / "io.json", {"feeds": tiny.plain(feeds), "expected": {output: tiny.rounded(expected)}})
    return {
        "family": family,
        "export": how.name,
        "exporter": "dynamo" if how.dynamo else "torchscript",
        "opset": opset_of(path),
        "attention": how.attention,
        "head": "masked_lm" if how.head else None,
        "file": f"{folder.name}/model.onnx",
        "bytes": path.stat().st_size,
        "maxAbsError": error,
    }


def reference(family: str, how: Export) -> torch.Tensor:
    """The output in float64."""
    model = tiny.build_double(family, how.head)
    with torch.no_grad():
        return model(**tiny.feeds(family), return_dict=True)[0]


def write_onnx(model: FirstOutput, feeds: dict[str, torch.Tensor], output: str, how: Export, path) -> None:
    common = dict(input_names=list(feeds), output_names=[output], opset_version=how.opset)
    arguments = example(feeds)
    if how.dynamo:
        axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence")}
        shapes = (tuple([axes] * len(feeds)),)  # one tuple for the one *tensors argument
        torch.onnx.export(
            model, arguments, path, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False, **common
        )
    else:
        axes = {name: {0: "batch", 1: "sequence"} for name in [*feeds, output]}
        torch.onnx.export(model, arguments, path, dynamo=False, dynamic_axes=axes, **common)
    strip_debug_metadata(path)


def example(feeds: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Feeds of another size than those of the comparison, so that a constant baked in by tracing shows."""
    wider = (torch.cat([tensor, tensor[:, 1:4]], dim=1) for tensor in feeds.values())
    return tuple(torch.cat([tensor, tensor[:1]], dim=0) for tensor in wider)


def strip_debug_metadata(path) -> None:
    """Drop source lines and module paths: they are most of a dynamo file and name this machine's folders."""
    model = onnx.load(path)
    graphs = [model.graph, *model.functions]
    for holder in [model, *graphs, *(node for graph in graphs for node in graph.node)]:
        holder.doc_string = ""
        del holder.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.save(model, path)


def compare(path, feeds: dict[str, torch.Tensor], output: str, expected: torch.Tensor) -> float:
    """Largest difference between onnxruntime and torch; refuses an export that computes something else."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = {entry.name for entry in session.get_inputs()}
    (found,) = session.run([output], {name: tensor.numpy() for name, tensor in feeds.items() if name in wanted})
    error = float(numpy.abs(found - expected.numpy()).max())
    if not error <= 2e-5:
        raise AssertionError(f"onnxruntime differs from torch by {error:.3g}")
    return float(f"{error:.3g}")


def write_config(folder, model: torch.nn.Module) -> None:
    config = model.config.to_diff_dict()
    for name in ("torch_dtype", "dtype", "_attn_implementation_autoset", "reference_compile"):
        config.pop(name, None)
    tiny.write_json(folder / "config.json", config | {"architectures": [type(model).__name__]}, indent=2)


def opset_of(path) -> int:
    model = onnx.load(path, load_external_data=False)
    return next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def refusal(error: BaseException) -> str:
    """The first line of what torch or onnxruntime said, without folders of this machine."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"/\S*/(?=[\w.-]+/model\.onnx)", "", lines[0] if lines else "")
    return f"{type(error).__name__}: {text}"[:300]


def main(families: list[str]) -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    exports, refused = [], []
    for family in families:
        for how in PLAN[family]:
            try:
                exports.append(export(family, how))
                print("wrote  ", exports[-1]["file"], exports[-1]["bytes"], exports[-1]["maxAbsError"], flush=True)
            except Exception as error:
                if "-v" in sys.argv:
                    traceback.print_exc()
                shutil.rmtree(ROOT / f"{family}-{how.name}", ignore_errors=True)
                refused.append({"family": family, "export": how.name, "reason": refusal(error)})
                print("refused", family, how.name, refused[-1]["reason"], flush=True)
    if families == list(PLAN):
        notes = "Expected numbers are torch in float64. Compare positions whose attention_mask is 1."
        manifest = {"format": 1, "notes": notes, "versions": tiny.versions(), "exports": exports, "refused": refused}
        tiny.write_json(ROOT / "manifest.json", manifest, indent=1)


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if not name.startswith("-")] or list(PLAN))
