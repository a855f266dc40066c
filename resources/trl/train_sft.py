"""The exported SFT run with TRL, PEFT and accelerate: `accelerate launch train_sft.py`, or `python train_sft.py` for one GPU.

The data come in the order that ChexReason Workbench would draw (data/order.json), prompts and answers are rendered by the
base's own chat template, and the loss is that of the answer and the end of its turn, over all supervised tokens of a step.
"""

import os

import torch
from datasets import Dataset
from torch.utils.data import Sampler
from transformers import EarlyStoppingCallback
from trl import SFTConfig, SFTTrainer

import common


class RunOrder(Sampler):
    """The epochs of data/order.json, one after the other."""

    def __init__(self, epochs):
        self.epochs = epochs
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return len(self.epochs[0])

    def __iter__(self):
        order = self.epochs[self.epoch % len(self.epochs)]
        self.epoch += 1
        return iter(order)


class OrderedTrainer(SFTTrainer):
    run_order = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # TRL's loss divides by the supervised tokens of the whole step for every model, but transformers does not count them
        # for those whose own loss does not (Qwen2.5-VL): micro-batches would weigh alike, whatever their tokens.
        self.model_accepts_loss_kwargs = True

    def _get_train_sampler(self, train_dataset=None):
        return RunOrder(self.run_order)


class Collator:
    """Rows -> one padded batch. Supervised: the answer's tokens and the end token that closes its turn."""

    def __init__(self, processor, end_ids):
        self.processor = processor
        self.end_ids = set(end_ids)

    def __call__(self, rows):
        whole, lengths = [], []
        for row in rows:
            asked = common.question(row)
            answered = asked + [{"role": "assistant", "content": [{"type": "text", "text": row["answer"]}]}]
            whole.append(self.processor.apply_chat_template(answered, tokenize=False))
            prompt = self.processor.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
            lengths.append(self.tokens([prompt], [row])["input_ids"].shape[1])
        batch = self.tokens(whole, rows)
        labels = torch.full_like(batch["input_ids"], -100)
        for i, start in enumerate(lengths):
            ids = batch["input_ids"][i].tolist()
            end = next((at for at in range(start, len(ids)) if ids[at] in self.end_ids), None)
            if end is None:
                raise ValueError("With this chat template an answer has no end token.")
            labels[i, start : end + 1] = batch["input_ids"][i, start : end + 1]
        return {**batch, "labels": labels}

    def tokens(self, texts, rows):
        images = [[common.image_of(row)] for row in rows]
        # The template writes the beginning of the text itself.
        options = {"add_special_tokens": False, "padding": True, "padding_side": "right", "return_tensors": "pt"}
        return dict(self.processor(text=texts, images=images, **options))


def main():
    args = common.arguments(__doc__.splitlines()[0])
    settings = common.read_json("settings.json")
    model, processor = common.load(args, settings)
    training, held_out = common.read_rows("train.jsonl"), common.read_rows("held_out.jsonl")
    OrderedTrainer.run_order = common.read_json("data", "order.json")
    micro, accumulation = common.batches(settings)
    config = SFTConfig(
        output_dir=os.path.join(common.OUTPUT, "checkpoints"),
        gradient_accumulation_steps=accumulation,
        bf16=common.precision(settings, args.precision) == "bf16",
        use_cpu=not torch.cuda.is_available(),
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        **{**settings["trl"], "per_device_train_batch_size": micro},
    )
    callbacks = [common.FirstStep()]
    if settings["patience"] > 0 and held_out:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=settings["patience"]))
    if args.max_steps:
        callbacks.append(common.StopAfter(args.max_steps))
    trainer = OrderedTrainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(training),
        eval_dataset=Dataset.from_list(held_out) if held_out else None,
        data_collator=Collator(processor, settings["endTokenIds"]),
        processing_class=processor,
        callbacks=callbacks,
    )
    trainer.train(resume_from_checkpoint=common.last_checkpoint()[0] if args.resume else None)
    common.save(trainer)


if __name__ == "__main__":
    main()
