"""The Python peer of the benchmark: `adapters` on torch, driven by JSON lines so that runs can alternate.

    python bench/peer/peer.py [--hidden 768] [--layers 12] [--vocab 8000] [--batch 8] [--length 128]

It prints {"ready": true, …} once the model stands, then answers each line of its input with one line:

    {"cmd": "step"}                      one training step: {"ms", "loss"}
    {"cmd": "forward"}                   the encoder alone: {"ms"}; with "adapters": true the stack and head
    {"cmd": "batch", "inputIds": [[…]], "labels": [[…]]}      use this batch from now on
    {"cmd": "logits"}                    logits of the batch in evaluation mode, [batch, length, labels]
    {"cmd": "memory"}                    peak resident memory since the start or the last reset: {"mb"}
    {"cmd": "resetMemory"}
    {"cmd": "open", "path": FILE}        onnxruntime opens FILE in a process of its own: {"ms", "mb"}
    {"cmd": "quit"}

An error is answered by {"error": …}. The step is that of MAD-X task training: language adapter frozen
(reduction factor 2), task adapter (16) and tagging head trained by AdamW; dropout is off unless asked for.
"""

import argparse
import json
import logging
import subprocess
import sys
import time
import warnings
from pathlib import Path

from sizes import size_arguments


def peak_megabytes() -> float:
    """Largest resident size of this process so far (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("this system does not tell the peak memory of a process")


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


class Peer:
    """The model, its optimiser and its batch."""

    def __init__(self, options: argparse.Namespace):
        import torch
        from encoder import TASK, madx_model, stack

        torch.set_num_threads(options.threads)
        self.torch = torch
        self.options = options
        self.model = madx_model(options, options.dropout)
        self.stack = stack()
        self.model.train_adapter(TASK)  # freezes the encoder and the language adapter
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.trained = sum(parameter.numel() for parameter in trained)
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4)
        self.ids, self.labels = self.random_batch()

    def random_batch(self):
        generator = self.torch.Generator().manual_seed(self.options.seed)
        size = (self.options.batch, self.options.length)
        ids = self.torch.randint(4, self.options.vocab, size, generator=generator)
        return ids, self.torch.randint(0, self.options.labels, size, generator=generator)

    def batch(self, command: dict) -> dict:
        self.ids = self.torch.tensor(command["inputIds"])
        self.labels = self.torch.tensor(command["labels"])
        return {"batch": list(self.ids.shape)}

    def feeds(self) -> dict:
        return {"input_ids": self.ids, "attention_mask": self.torch.ones_like(self.ids)}

    def step(self, command: dict) -> dict:
        self.model.set_active_adapters(self.stack)
        self.model.train()
        start = time.perf_counter()
        with self.torch.autocast("cpu", self.torch.bfloat16, enabled=self.options.bf16):
            loss = self.model(**self.feeds(), labels=self.labels).loss
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return {"ms": milliseconds_since(start), "loss": float(loss)}

    def forward(self, command: dict) -> dict:
        adapted = bool(command.get("adapters"))
        self.model.set_active_adapters(self.stack if adapted else None)
        self.model.eval()
        run = self.model if adapted else self.model.roberta
        with self.torch.no_grad():
            start = time.perf_counter()
            run(**self.feeds())
            return {"ms": milliseconds_since(start)}

    def logits(self, command: dict) -> dict:
        self.model.set_active_adapters(self.stack)
        self.model.eval()
        with self.torch.no_grad():
            return {"logits": self.model(**self.feeds()).logits.tolist()}

    def memory(self, command: dict) -> dict:
        return {"mb": peak_megabytes()}

    def resetMemory(self, command: dict) -> dict:
        reset_peak()
        return {"mb": peak_megabytes()}

    def open(self, command: dict) -> dict:
        arguments = [sys.executable, __file__, "--open", command["path"], "--threads", str(self.options.threads)]
        answer = subprocess.run(arguments, capture_output=True, text=True, check=True)
        return json.loads(answer.stdout)


COMMANDS = ("step", "forward", "logits", "batch", "memory", "resetMemory", "open")


def milliseconds_since(start: float) -> float:
    return 1000 * (time.perf_counter() - start)


def open_with_onnxruntime(path: str, threads: int) -> dict:
    """Time and added peak memory of opening a model from its path."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    reset_peak()
    before = peak_megabytes()
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    elapsed = milliseconds_since(start)
    return {"ms": elapsed, "mb": peak_megabytes() - before, "inputs": [entry.name for entry in session.get_inputs()]}


def answer(peer: Peer, line: str) -> dict:
    try:
        command = json.loads(line)
        if command.get("cmd") not in COMMANDS:
            raise ValueError(f"unknown command {command.get('cmd')!r}; there are {', '.join(COMMANDS)}, quit")
        return getattr(peer, command["cmd"])(command)
    except subprocess.CalledProcessError as error:
        return {"error": error.stderr.strip().splitlines()[-1]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def say(message: dict) -> None:
    print(json.dumps(message), flush=True)


def serve(options: argparse.Namespace) -> None:
    from importlib.metadata import version

    peer = Peer(options)
    say({"ready": True, "trained": peer.trained, "versions": {name: version(name) for name in ("torch", "adapters")}})
    for line in sys.stdin:
        if '"quit"' in line:
            return
        say(answer(peer, line))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size_arguments(parser, batch=8, length=128)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--bf16", action="store_true", help="train under bfloat16 autocast")
    parser.add_argument("--open", metavar="FILE", help="only open FILE with onnxruntime, print the cost and end")
    return parser.parse_args()


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    options = arguments()
    if options.open:
        say(open_with_onnxruntime(options.open, options.threads))
    else:
        serve(options)
