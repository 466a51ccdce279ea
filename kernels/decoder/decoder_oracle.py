#!/usr/bin/env python3
"""decoder_oracle.py: the same model by others' code, for decoder_oracle_test.c.

  decoder_oracle.py logits MODEL.gguf OUT ID…    logits of every position, float64, [ids][vocabulary]:
                                                 the file read and widened by the gguf package, the
                                                 step by numpy in double
  decoder_oracle.py tokens MODEL.gguf < TEXTS    a line of token ids for each text (a JSON string a
                                                 line), by Hugging Face's tokenizers

Exit status 77 where a package is not there.
"""
import json
import sys

try:
    import gguf
    import numpy as np
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)


def logits(reader, ids):
    field = {name: reader.fields[name].contents() for name in reader.fields if name.startswith("llama.")}
    tensors = {t.name: t for t in reader.tensors}

    def weight(name):
        t = tensors[name + ".weight"]
        return gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64)

    layers, width = field["llama.block_count"], field["llama.embedding_length"]
    heads, kv_heads = field["llama.attention.head_count"], field["llama.attention.head_count_kv"]
    head, n = width // heads, len(ids)
    angle = np.arange(n)[:, None] * field["llama.rope.freq_base"] ** (-2.0 * np.arange(head // 2) / head)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    past = np.tril(np.ones((n, n), bool))

    def norm(x, gain):
        mean = (x * x).mean(-1, keepdims=True)
        return x / np.sqrt(mean + field["llama.attention.layer_norm_rms_epsilon"]) * gain

    def turn(x):
        y = np.empty_like(x)
        y[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        y[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return y

    words = weight("token_embd")
    x = words[ids]
    for layer in range(layers):
        of = lambda name: weight(f"blk.{layer}.{name}")
        h = norm(x, of("attn_norm"))
        q = turn((h @ of("attn_q").T).reshape(n, heads, head))
        k = turn((h @ of("attn_k").T).reshape(n, kv_heads, head))
        v = (h @ of("attn_v").T).reshape(n, kv_heads, head)
        out = np.empty((n, heads, head))
        for i in range(heads):
            score = np.where(past, q[:, i] @ k[:, i * kv_heads // heads].T / np.sqrt(head), -np.inf)
            score = np.exp(score - score.max(-1, keepdims=True))
            out[:, i] = score / score.sum(-1, keepdims=True) @ v[:, i * kv_heads // heads]
        x = x + out.reshape(n, width) @ of("attn_output").T
        h = norm(x, of("ffn_norm"))
        gate = h @ of("ffn_gate").T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ of("ffn_up").T)) @ of("ffn_down").T
    return norm(x, weight("output_norm")) @ words.T


def tokenizer(reader):
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers
    except ImportError as missing:
        print(missing, file=sys.stderr)
        sys.exit(77)
    words = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in reader.fields["tokenizer.ggml.merges"].contents()]
    made = Tokenizer(models.BPE(vocab={w: i for i, w in enumerate(words)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return made


def main():
    what, path = sys.argv[1:3]
    reader = gguf.GGUFReader(path)
    if what == "logits":
        logits(reader, [int(i) for i in sys.argv[4:]]).tofile(sys.argv[3])
        return
    made = tokenizer(reader)
    for line in sys.stdin:
        print(*made.encode(json.loads(line), add_special_tokens=False).ids)


main()
