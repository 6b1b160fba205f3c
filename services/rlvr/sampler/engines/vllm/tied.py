"""A tied output head spelled out, for servers on a CPU.

vLLM 0.32 packs the output head's weights for a CPU when it starts, and a reload packs again only what it finds in the
files. A head that is tied to the input embeddings is in no file, so it would stay that of the first version, silently.
Such a server is told that the head is not tied, and is given it as a tensor of its own.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from rlvr.sampler.engine import PolicyLoadFailed
from rlvr.sampler.engines.vllm.folder import INDEX_NAME, PolicyFolder, find_tensor

HEAD = "lm_head.weight"
_EMBEDDINGS = "embed_tokens.weight"
_FILE = "lm-head.safetensors"


def is_tied(folder: PolicyFolder) -> bool:
    """Whether the model's output head is its input embeddings."""
    return bool(folder.config.get("tie_word_embeddings"))


def spell_out(folder: PolicyFolder, scratch: Path) -> str:
    """A folder below `scratch` with the files of a policy and its head as one more; those made before are removed.
    Blocking.

    Raises:
        PolicyLoadFailed: its input embeddings are not found.
    """
    if HEAD in folder.shapes:
        return folder.path
    names = [name for name in folder.shapes if name.endswith(_EMBEDDINGS)]
    if len(names) != 1:
        raise PolicyLoadFailed(f"{folder.path}: no tensor ...{_EMBEDDINGS} to which the output head could be tied")
    source = Path(folder.path)
    for earlier in list(scratch.iterdir()):
        shutil.rmtree(earlier)
    made = Path(tempfile.mkdtemp(dir=scratch))
    for file in source.iterdir():
        if file.name != INDEX_NAME:
            (made / file.name).symlink_to(file.resolve())
    embeddings = find_tensor(source, names[0])
    entry = {
        "dtype": embeddings.dtype,
        "shape": list(folder.shapes[names[0]]),
        "data_offsets": [0, embeddings.num_bytes],
    }
    header = json.dumps({HEAD: entry}).encode()
    with (made / _FILE).open("wb") as head:
        head.write(len(header).to_bytes(8, "little") + header)
        head.flush()
        embeddings.copy_to(head)
    if (source / INDEX_NAME).is_file():
        index = json.loads((source / INDEX_NAME).read_bytes())
        index["weight_map"][HEAD] = _FILE
        (made / INDEX_NAME).write_text(json.dumps(index))
    return str(made)
