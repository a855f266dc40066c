"""A llama of some thousand random parameters with a byte tokenizer, and two random adapters, as GGUF: for llama.cpp. pip install gguf."""
import numpy as np, gguf, sys
rng=np.random.default_rng(0)
V,D,L,H,F=264,64,2,4,128
def base(path):
    w=gguf.GGUFWriter(path,'llama')
    w.add_name('tiny'); w.add_context_length(2048); w.add_embedding_length(D); w.add_block_count(L); w.add_feed_forward_length(F)
    w.add_head_count(H); w.add_head_count_kv(H); w.add_layer_norm_rms_eps(1e-5); w.add_rope_dimension_count(D//H); w.add_vocab_size(V)
    w.add_file_type(0)
    toks=['<unk>','<s>','</s>','<|user|>','<|assistant|>','<think>','</think>','\u2581']+[f'<0x{b:02X}>' for b in range(256)]
    types=[2,3,3,4,4,4,4,1]+[6]*256
    w.add_tokenizer_model('llama'); w.add_token_list(toks); w.add_token_scores([0.0]*V); w.add_token_types(types)
    w.add_bos_token_id(1); w.add_eos_token_id(2); w.add_unk_token_id(0); w.add_add_space_prefix(False)
    w.add_chat_template("{% for m in messages %}{{ '<|' + m.role + '|>' }}{{ m.content }}{% if not loop.last %}\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}")
    def t(name,*shape,scale=None):
        w.add_tensor(name,(rng.standard_normal(shape)*(scale or 0.25)).astype(np.float32))
    t('token_embd.weight',V,D,scale=1); w.add_tensor('output_norm.weight',np.ones(D,np.float32)); o=(rng.standard_normal((V,D))*.5).astype(np.float32); o[:8]=0; o[136:]=0; w.add_tensor('output.weight',o)
    for i in range(L):
        w.add_tensor(f'blk.{i}.attn_norm.weight',np.ones(D,np.float32)); w.add_tensor(f'blk.{i}.ffn_norm.weight',np.ones(D,np.float32))
        for n in ('q','k','v'): t(f'blk.{i}.attn_{n}.weight',D,D)
        t(f'blk.{i}.attn_output.weight',D,D); t(f'blk.{i}.ffn_gate.weight',F,D); t(f'blk.{i}.ffn_up.weight',F,D); t(f'blk.{i}.ffn_down.weight',D,F)
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
def lora(path):
    w=gguf.GGUFWriter(path,'llama'); w.add_type('adapter'); w.add_string('adapter.type','lora'); w.add_float32('adapter.lora.alpha',8.0)
    for i in range(L):
        for n in ('attn_q','ffn_down'):
            inp=F if n=='ffn_down' else D
            w.add_tensor(f'blk.{i}.{n}.weight.lora_a',(rng.standard_normal((4,inp))*.5).astype(np.float32))
            w.add_tensor(f'blk.{i}.{n}.weight.lora_b',(rng.standard_normal((D,4))*.5).astype(np.float32))
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
base('tiny.gguf')
lora('sft.gguf')
lora('grpo.gguf')
