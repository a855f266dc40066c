"""The Python stack as a partner in a benchmark: one timed step for each line on stdin, so that ours and its are interleaved.

    python peer.py PEER_SPEED_PY SAVE_DIR [--threads 2]

Takes sizes, batches and LoRA targets from reference/peers/peer_speed.py (which runs everything at once), saves the model
into SAVE_DIR, prints `ready`, then answers `sft`, `sft-levers`, `grpo`, `grpo-levers` with seconds as JSON. The levers are those
that our trainer has: image features of the frozen vision tower at hand, and logits at supervised positions only.
"""
import json, os, sys, time

import torch

source = open(sys.argv[1]).read()
space = {"__name__": "peer_speed"}
exec(compile(source[: source.rindex("main()")], sys.argv[1], "exec"), space)
CONFIG, TARGET, PROMPT, NEW, GROUP = (space[name] for name in ("CONFIG", "TARGET", "PROMPT", "NEW", "GROUP"))
VOCAB, batch = space["VOCAB"], space["batch"]
threads = int(sys.argv[4]) if len(sys.argv) > 4 else 2
torch.set_num_threads(threads)
torch.manual_seed(0)
model = space["Gemma3ForConditionalGeneration"](CONFIG).eval()
model.generation_config = space["GenerationConfig"](pad_token_id=0, eos_token_id=None, bos_token_id=2)
if not os.path.exists(os.path.join(sys.argv[2], "model.safetensors")):
    model.save_pretrained(sys.argv[2])
lora = space["LoraConfig"](r=16, lora_alpha=32, lora_dropout=0.0, target_modules=TARGET)
lm = space["get_peft_model"](model, lora).train()
params = [p for p in lm.parameters() if p.requires_grad]
opt = torch.optim.AdamW(params, lr=1e-4)
encode = model.model.get_image_features


def cached(pixels):
    with torch.no_grad():
        features = encode(pixels)
    return lambda *args, **kwargs: features


def use(features):
    model.model.__dict__.pop("get_image_features", None)
    if features:
        model.model.__dict__["get_image_features"] = features


def update(loss, max_norm):
    loss.backward()
    torch.nn.utils.clip_grad_norm_(params, max_norm)
    opt.step()
    opt.zero_grad()


films = batch(8, 150, 1)
labels = films["input_ids"].clone()
labels[:, :100] = -100
film_features = cached(films["pixel_values"])


def sft():
    update(lm(**films, labels=labels).loss, 5.0)


def sft_levers():
    logits = lm(**films, logits_to_keep=51).logits[:, :-1]
    update(torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), labels[:, 100:].reshape(-1)), 5.0)


one = batch(1, PROMPT, 2)
group = {k: v.repeat(GROUP, *([1] * (v.dim() - 1))) for k, v in one.items()}
group_features = cached(group["pixel_values"])


def logps(ids, types):
    logits = lm(input_ids=ids, attention_mask=torch.ones_like(ids), token_type_ids=types, pixel_values=group["pixel_values"],
                logits_to_keep=NEW + 1).logits[:, :-1]
    return logits.log_softmax(-1).gather(-1, ids[:, -NEW:, None])[..., 0]


def grpo():
    lm.eval()
    lever = model.model.__dict__.pop("get_image_features", None)
    with torch.no_grad():
        # generate hands the film's features on by itself, and takes none from outside.
        ids = lm.generate(**group, max_new_tokens=NEW, min_new_tokens=NEW, do_sample=True, temperature=0.8, top_p=0.95,
                          suppress_tokens=[VOCAB - 1])
    lm.train()
    use(lever)
    types = torch.cat([group["token_type_ids"], torch.zeros(GROUP, NEW, dtype=torch.long)], 1)
    with torch.no_grad():
        old = logps(ids, types)
        with lm.disable_adapter():
            ref = logps(ids, types)
    adv = torch.randn(GROUP, 1)
    adv = adv - adv.mean()
    lp = logps(ids, types)
    rho = (lp - old).exp()
    kl = (ref - lp).exp() - (ref - lp) - 1
    update((-torch.min(rho * adv, rho.clamp(0.85, 1.22) * adv) + 0.15 * kl).sum() / (GROUP * NEW), 1.0)


STEPS = {"sft": (sft, None), "sft-levers": (sft_levers, film_features), "grpo": (grpo, None), "grpo-levers": (grpo, group_features)}
print("ready", flush=True)
for line in sys.stdin:
    step, features = STEPS[line.strip()]
    use(features)
    start = time.perf_counter()
    step()
    print(json.dumps(time.perf_counter() - start), flush=True)
