"""The embedded engine: a Hugging Face causal language model, decoded in continuous batches on CPU or CUDA.

engine    the asyncio front: text in, text out, loading of versions
decoder   the thread that owns the model: admits groups, steps, swaps weights between steps
batch     the rows being decoded, as tensors: prefill, draw, retire
kv        the rows' keys and values, and attention over them
weights   a model folder, read and checked
"""
