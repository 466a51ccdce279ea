#!/usr/bin/env python3
"""gpu-peers.py: what PyTorch, and through it cuBLAS and cuBLASLt, takes for work that labs time.

Rounds over all peers in a seeded order, one sample each, as docs/measuring.md says of ours: a sample
is k calls between two device events, k found beforehand so that it lasts a millisecond. Prints one
JSON line for each peer. gpu-check runs it before, between and after the labs.
"""
import json
import random
import sys

import torch

ROUNDS = 15
LONG_ENOUGH = 1e-3  # seconds


def blas(library, a, b):
    def call():
        torch.backends.cuda.preferred_blas_library(library)
        return a @ b

    return call


def peers():
    """(name, parameters, call, bytes, flops)"""
    for n in (1 << 20, 1 << 24, 1 << 28):
        x = torch.randn(n, device="cuda")
        y = torch.empty_like(x)
        yield "torch.sum", {"n": n, "type": "f32"}, x.sum, 4 * n, n
        yield "copy", {"n": n, "type": "f32"}, lambda x=x, y=y: y.copy_(x), 8 * n, 0
    torch.backends.cuda.matmul.allow_tf32 = False
    n = 4096
    for name, kind in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(n, n, device="cuda", dtype=kind) for _ in range(2))
        for library in ("cublas", "cublaslt"):
            yield library, {"n": n, "type": name}, blas(library, a, b), 0, 2 * n**3
    batch, heads, tokens, channels = 32, 8, 4096, 128
    q = torch.randn(batch, heads, 1, channels, device="cuda", dtype=torch.bfloat16)
    k, v = (torch.randn(batch, heads, tokens, channels, device="cuda", dtype=torch.bfloat16)
            for _ in range(2))
    yield ("attention, one query each", {"batch": batch, "kv_heads": heads, "tokens": tokens,
                                         "channels": channels, "type": "bf16"},
           lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v),
           2 * 2 * batch * heads * tokens * channels, 0)


def sample(call, calls):
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(calls):
        call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) * 1e-3


def enough(call):
    calls = 1
    while calls < 1 << 16 and sample(call, calls) < LONG_ENOUGH:
        calls *= 2
    return calls


def main():
    ready = []
    for peer in peers():
        try:
            ready.append((peer, enough(peer[2]), []))
        except Exception as problem:  # a library that this PyTorch lacks is said, and the rest goes on
            print(json.dumps({"peer": peer[0], **peer[1], "left_out": str(problem)[:200]}))
    order = random.Random(1)
    for _ in range(ROUNDS):
        for peer, calls, seconds in order.sample(ready, len(ready)):
            seconds.append(sample(peer[2], calls) / calls)
    for (name, parameters, _, size, flops), calls, seconds in ready:
        median = sorted(seconds)[len(seconds) // 2]
        line = {"peer": name, **parameters, "torch": torch.__version__, "calls": calls,
                "seconds": seconds, "median": median}
        said = f"peer {name} {parameters}: {median * 1e6:.1f} us"
        if size:
            line["bytes_per_second"] = size / median
            said += f", {size / median * 1e-9:.0f} GB/s"
        if flops:
            line["flops_per_second"] = flops / median
            said += f", {flops / median * 1e-12:.2f} Tflop/s"
        print(json.dumps(line))
        print(said, file=sys.stderr)


main()
