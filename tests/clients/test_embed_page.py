"""Tests of the code in docs/embed.md, with small untrained models in place of downloaded ones."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "embed.md").read_text(encoding="utf-8")
TEXTS = ["the weather is fine", "play some music", "book a table", "add it to my list"]


def code_of(heading):
    """Return the Python code of a section."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))


def small_bert(folder):
    """Write a model for texts with random weights, and return its path."""
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({*" ".join(TEXTS).split()})]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return str(folder)


def small_dinov2(folder):
    """Write a model for images with random weights, and return its path."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
    )
    transformers.Dinov2Model(config).save_pretrained(folder)
    size = {"height": 28, "width": 28}
    transformers.BitImageProcessor(
        size={"shortest_edge": 28}, crop_size=size, do_center_crop=True
    ).save_pretrained(folder)
    return str(folder)


@pytest.mark.filterwarnings("ignore")  # of other libraries, and about the few rows
def test_texts_are_embedded_clustered_and_saved(tmp_path, monkeypatch):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("sentence_transformers")
    (tmp_path / "model").mkdir()
    model = small_bert(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"text": TEXTS * 10}).to_csv("texts.csv")
    variables: dict = {}
    exec(code_of("Texts").replace("all-MiniLM-L6-v2", model), variables)
    assert variables["X"].shape == (40, 16)
    assert len(variables["model"].labels_) == 40
    assert pd.read_parquet("texts.parquet").columns.tolist() == ["text", "embedding"]


@pytest.mark.filterwarnings("ignore")
def test_images_are_embedded(tmp_path, monkeypatch):
    image_module = pytest.importorskip("PIL.Image")
    (tmp_path / "model").mkdir()
    model = small_dinov2(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):
        pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        image_module.fromarray(pixels).save(f"pictures/{number}.jpg")
    variables: dict = {}
    exec(code_of("Images").replace("facebook/dinov2-small", model), variables)
    assert variables["X"].shape == (40, 16)
    assert np.isfinite(variables["X"]).all()
