"""The exported GRPO run with TRL, PEFT and accelerate: `accelerate launch train_grpo.py`, or `python train_grpo.py`.

The films come in the order that ChexReason Workbench would draw, each as often as the run has epochs. The reference policy is
the adapter that training starts from: TRL keeps a copy of it under the name "ref". `--replay` takes the completions of
rollouts.jsonl for the steps that are in it instead of sampling them, so that both programs can be compared on the same ones.
"""

import json
import os

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

import common
import rewards

STATE = "reward_state.json"


class RunReward:
    """The run's reward over the whole batch in its order, on every process, so that its window is the same for all."""

    def __init__(self, name, settings, end_ids):
        self.__name__ = name
        self.settings = settings
        self.end_ids = set(end_ids)
        self.state = None

    def __call__(self, completions, completion_ids, labels, **_):
        own = [
            {"completion": text_of(completion), "tokens": self.length(ids), "truth": json.loads(truth)}
            for completion, ids, truth in zip(completions, completion_ids, labels, strict=True)
        ]
        batches = gathered(own)
        scores, self.state = rewards.score(
            self.__name__, [sample for batch in batches for sample in batch], self.state, self.settings
        )
        rank = common.rank()
        start = sum(len(batch) for batch in batches[:rank])
        return scores[start : start + len(own)]

    def length(self, ids):
        """Without the end token."""
        return len(ids) - (1 if len(ids) > 0 and int(ids[-1]) in self.end_ids else 0)


def text_of(completion):
    return completion if isinstance(completion, str) else completion[0]["content"]


def gathered(samples):
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [samples]
    batches = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(batches, samples)
    return batches


class KeepRewardState(common.TrainerCallback):
    """The window of the last predictions belongs to a checkpoint."""

    def __init__(self, reward):
        self.reward = reward

    def on_save(self, args, state, control, **_):
        if state.is_world_process_zero:
            folder = os.path.join(args.output_dir, f"checkpoint-{state.global_step}")
            with open(os.path.join(folder, STATE), "w", encoding="utf-8") as file:
                json.dump(self.reward.state, file)


class RunTrainer(GRPOTrainer):
    """With given completions instead of sampled ones, where a rollout has some."""

    replay = {}
    rollout = 0

    def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations, *args, **kwargs):
        given = self.replay.get(self.rollout)
        self.rollout += 1
        if given is None:
            return super()._generate_single_turn(prompt_ids, images, multimodal_fields, num_generations, *args, **kwargs)
        own = len(prompt_ids)
        if len(given) != own * common.world_size():
            raise SystemExit(f"rollouts.jsonl has {len(given)} completions for a rollout of {own * common.world_size()}.")
        start = own * common.rank()
        return given[start : start + own], None


def begun_once(processor):
    """TRL renders the prompt, whose template writes the beginning of the text, and its processor then adds a second one: the
    token types of the image would stand one place too far."""

    class Once(type(processor)):
        def __call__(self, *args, **kwargs):
            kwargs.setdefault("add_special_tokens", False)
            return super().__call__(*args, **kwargs)

    Once.__name__ = type(processor).__name__
    processor.__class__ = Once
    processor.tokenizer.padding_side = "left"
    return processor


def replayed():
    rollouts = {}
    for row in common.read_rows("rollouts.jsonl"):
        rollouts.setdefault(row["rollout"], []).append(row["tokenIds"])
    return rollouts


def main():
    extra = [
        (["--replay"], {"action": "store_true", "help": "completions of data/rollouts.jsonl instead of sampled ones"}),
        (["--vllm"], {"choices": ["colocate", "server"], "help": "sample with vLLM, corrected as the run says"}),
    ]
    args = common.arguments(__doc__.splitlines()[0], extra)
    settings = common.read_json("settings.json")
    if args.replay and args.vllm:
        raise SystemExit("--replay samples nothing: it goes without --vllm.")
    model, processor = common.load(args, settings)
    films = common.read_rows("train.jsonl")
    order = [index for epoch in common.read_json("data", "order.json") for index in epoch]
    rows = [
        {
            "prompt": [{"role": "user", "content": films[index]["prompt"]}],
            "image": common.image_of(films[index]),
            "labels": json.dumps(films[index]["labels"]),
        }
        for index in order
    ]
    reward = RunReward(settings["reward"], settings["rewardSettings"], settings["endTokenIds"])
    # An answer that holds an image's own token could not be read back with its prompt.
    vision = settings["visionTokenIds"]
    never = {"logit_bias": {token: -100 for token in vision}} if args.vllm else {"suppress_tokens": vision}
    vllm = {"use_vllm": True, "vllm_mode": args.vllm, **settings["vllm"]} if args.vllm else {}
    micro, accumulation = common.batches(settings)
    callbacks = [common.FirstStep(), KeepRewardState(reward)]
    if args.max_steps:
        callbacks.append(common.StopAfter(args.max_steps))
    config = GRPOConfig(
        output_dir=os.path.join(common.OUTPUT, "checkpoints"),
        gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation,
        bf16=common.precision(settings, args.precision) == "bf16",
        use_cpu=not torch.cuda.is_available(),
        generation_kwargs=never if vision else None,
        **vllm,
        **{**settings["trl"], "per_device_train_batch_size": micro},
    )
    if args.replay:
        RunTrainer.replay = replayed()
    trainer = RunTrainer(
        model=model,
        reward_funcs=[reward],
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=begun_once(processor),
        callbacks=callbacks,
    )
    checkpoint = None
    if args.resume:
        checkpoint, step = common.last_checkpoint()
        reward.state = common.read_json(checkpoint, STATE)
        RunTrainer.rollout = step // config.num_iterations
    trainer.train(resume_from_checkpoint=checkpoint)
    common.save(trainer)


if __name__ == "__main__":
    main()
