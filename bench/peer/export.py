"""Write the benchmark's random XLM-R as ONNX, with its adapters: what our side opens.

    python bench/peer/export.py FOLDER [--vocab 250002] [--hidden 768] [--layers 12] [--seed 1]

FOLDER/model.onnx (opset 17, `last_hidden_state`), config.json, and in FOLDER/lang and FOLDER/task the
adapters and the tagging head as the library saves them. peer.py with the same sizes has the same weights.
"""

import argparse
import logging
import warnings
from pathlib import Path

import torch
from encoder import LANGUAGE, TASK, madx_model
from sizes import size_arguments


class LastHiddenState(torch.nn.Module):
    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids, attention_mask=attention_mask)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    size_arguments(parser)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    model = madx_model(options).eval()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in (LANGUAGE, TASK):
        model.save_adapter(str(options.folder / name), name, use_safetensors=True)
    model.config.to_json_file(options.folder / "config.json")
    model.set_active_adapters(None)
    write_onnx(model.roberta, options)
    print(options.folder / "model.onnx", (options.folder / "model.onnx").stat().st_size)


def write_onnx(model: torch.nn.Module, options: argparse.Namespace) -> None:
    axes = {0: "batch", 1: "sequence"}
    ids = torch.randint(4, options.vocab, (2, 8))
    torch.onnx.export(
        LastHiddenState(model),
        (ids, torch.ones_like(ids)),
        options.folder / "model.onnx",
        dynamo=False,
        opset_version=17,
        input_names=["input_ids", "attention_mask"],
        output_names=["last_hidden_state"],
        dynamic_axes={name: axes for name in ("input_ids", "attention_mask", "last_hidden_state")},
    )


if __name__ == "__main__":
    main()
