"""What train_sft.py and train_grpo.py share: the run as it was exported, its base with its adapter, and what comes back.

Nothing here is specific to a run: every setting stands in settings.json, whose "trl" goes to TRL's configuration as it is.
"""

import argparse
import hashlib
import json
import os
import sys

import torch
from peft import PeftModel
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerCallback

HERE = os.path.dirname(os.path.abspath(__file__))
OUTPUT = os.path.join(HERE, "output")


def arguments(description, extra=()):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", help="folder of the base model (default: the folder model of this export)")
    parser.add_argument("--no-check", action="store_true", help="do not compare the base's weights with the recorded sha256")
    parser.add_argument("--precision", choices=["bf16", "f32"], help="instead of the run's (bf16 on a GPU without it falls back to f32)")
    parser.add_argument("--max-steps", type=int, help="stop after so many optimizer steps; schedule and warm-up stay the run's")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in output/checkpoints")
    for names, options in extra:
        parser.add_argument(*names, **options)
    return parser.parse_args()


def read_json(*path):
    with open(os.path.join(HERE, *path), encoding="utf-8") as file:
        return json.load(file)


def read_rows(name):
    path = os.path.join(HERE, "data", name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def image_of(row):
    with Image.open(os.path.join(HERE, row["image"])) as image:
        return image.convert("RGB")


def question(row):
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": row["prompt"]}]}]


def world_size():
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank():
    return int(os.environ.get("RANK", "0"))


def precision(settings, asked):
    wanted = asked or settings["precision"]
    if wanted == "bf16" and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        print("This GPU has no bf16: f32 is used.", file=sys.stderr)
        return "f32"
    return wanted


def batches(settings):
    """(micro-batch, micro-batches of one optimizer step): the effective batch is the run's on any number of processes. The
    micro-batch, on which the result does not depend, is made smaller where that is needed."""
    batch, micro = settings["effectiveBatch"], settings["trl"]["per_device_train_batch_size"]
    own, rest = divmod(batch, world_size())
    if rest:
        raise SystemExit(f"{batch} sequences a step cannot be shared by {world_size()} processes: their number must divide {batch}.")
    micro = max(size for size in range(1, micro + 1) if own % size == 0)
    return micro, own // micro


def last_checkpoint():
    """Folder and step of the last checkpoint, from which --resume goes on."""
    folder = os.path.join(OUTPUT, "checkpoints")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    steps = [int(name[11:]) for name in names if name.startswith("checkpoint-")]
    if not steps:
        raise SystemExit("There is no checkpoint in output/checkpoints to go on from.")
    return os.path.join(folder, f"checkpoint-{max(steps)}"), max(steps)


def load(args, settings, trainable=True):
    """The base (frozen) with the adapter that the run starts from, and the processor."""
    folder = args.model or os.path.join(HERE, "model")
    if not os.path.isdir(folder):
        raise SystemExit(f"The base model is not in this export: give its folder with --model. It is {describe_base()}.")
    if not args.no_check:
        check_base(folder)
    dtype = torch.bfloat16 if precision(settings, args.precision) == "bf16" else torch.float32
    base = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype)
    model = PeftModel.from_pretrained(base, os.path.join(HERE, "adapter"), is_trainable=trainable)
    processor = AutoProcessor.from_pretrained(folder)
    return model, processor


def describe_base():
    base = read_json("run.json")["base"]
    return f"{base['name']}, of which " + ", ".join(f"{f['file']} has the sha256 {f['sha256'][:16]}…" for f in base["files"])


def check_base(folder):
    for known in read_json("run.json")["base"]["files"]:
        path = os.path.join(folder, known["file"])
        if not os.path.exists(path):
            raise SystemExit(f"{path} is missing: this is not the base of the run ({describe_base()}).")
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(1 << 22), b""):
                digest.update(part)
        if digest.hexdigest() != known["sha256"]:
            raise SystemExit(f"{path} has other weights than the run's base; --no-check trains on it all the same.")


class FirstStep(TrainerCallback):
    """Says the first step's loss beside what ChexReason Workbench computed on the same data, where the run has begun there."""

    def __init__(self):
        self.said = False

    def on_log(self, args, state, control, logs=None, **_):
        if self.said or not logs or "loss" not in logs or state.global_step != 1 or not state.is_world_process_zero:
            return
        self.said = True
        ours = read_json("run.json").get("firstStep")
        line = {"first_step": {"loss": logs["loss"], "grad_norm": logs.get("grad_norm")}}
        if ours:
            line["chexreason"] = ours
            line["loss_difference"] = abs(ours["loss"] - logs["loss"])
        print(json.dumps(line), flush=True)


class StopAfter(TrainerCallback):
    """Ends the run early; rate and warm-up are those of the whole run."""

    def __init__(self, steps):
        self.steps = steps

    def on_step_end(self, args, state, control, **_):
        if state.global_step >= self.steps:
            # So that --resume goes on from here.
            control.should_training_stop = control.should_save = True


def save(trainer):
    """What `chexreason train import` reads: the adapter in PEFT's format, and the log."""
    if not trainer.is_world_process_zero():
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    model.save_pretrained(os.path.join(OUTPUT, "adapter"), selected_adapters=["default"])
    trainer.state.save_to_json(os.path.join(OUTPUT, "trainer_state.json"))
    versions = {name: __import__(name).__version__ for name in ("torch", "transformers", "peft", "trl", "accelerate")}
    with open(os.path.join(OUTPUT, "versions.json"), "w", encoding="utf-8") as file:
        json.dump({"python": sys.version.split()[0], **versions, "processes": world_size()}, file, indent=1)
