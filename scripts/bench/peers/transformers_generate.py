"""transformers' generate on a saved Gemma3 vision-language model, one call for each line on stdin: the number of rows.

    python transformers_generate.py MODEL THREADS

Prints `ready`, then the seconds of each call: as shared/reference/peers/peer_speed.py times it (48 prompt tokens with one
image, 64 new ones, greedy, f32), so that another program can be timed between the calls. Needs torch, transformers.
"""
import sys
import time

import torch
from transformers import Gemma3ForConditionalGeneration, GenerationConfig

PROMPT, NEW = 48, 64
torch.set_num_threads(int(sys.argv[2]))
model = Gemma3ForConditionalGeneration.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
model.generation_config = GenerationConfig(pad_token_id=0, eos_token_id=None, bos_token_id=2)
config = model.config
size = config.vision_config.image_size
tokens = config.mm_tokens_per_image
image = config.image_token_id


def batch(rows):
    g = torch.Generator().manual_seed(0)
    ids = torch.randint(10, config.text_config.vocab_size - 10, (rows, PROMPT), generator=g)
    ids[:, 5], ids[:, 6:6 + tokens], ids[:, 6 + tokens] = config.boi_token_id, image, config.eoi_token_id
    return dict(input_ids=ids, attention_mask=torch.ones_like(ids), token_type_ids=(ids == image).long(),
                pixel_values=torch.randn(rows, 3, size, size, generator=g))


print("ready", torch.__version__, __import__("transformers").__version__, flush=True)
for line in sys.stdin:
    b = batch(int(line))
    start = time.perf_counter()
    with torch.no_grad():
        model.generate(**b, max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False)
    print(time.perf_counter() - start, flush=True)
