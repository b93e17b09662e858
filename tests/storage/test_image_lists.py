"""Lists of paths of images in text files and tables."""

import os

import pytest

from vmfmix.storage.image_lists import read_paths, write_paths


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Create two images in a folder beside the folder of the lists."""
    (tmp_path / "images").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path)
    found = [tmp_path / "images" / name for name in ("10.png", "2.png")]
    for path in found:
        path.touch()
    return found


def test_paths_are_read_as_written(images, tmp_path):
    write_paths(tmp_path / "run/images.txt", images)
    assert (tmp_path / "run/images.txt").read_text() == "../images/10.png\n../images/2.png\n"
    found = read_paths(tmp_path / "run/images.txt")
    assert [os.path.realpath(path) for path in found] == [os.path.realpath(path) for path in images]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "../images/10.png\r\n../images/2.png\r\n\r\n"),
        ("a.txt", "images/10.png\nimages/2.png"),  # relative to the working folder
        ("a.csv", "id,path,text\n1,../images/10.png,a\n2,../images/2.png,b.c\n"),
        ("a.csv", "id;path\n1;../images/10.png\n2;../images/2.png\n"),
        ("a.tsv", "path\tid\n../images/10.png\t1\n../images/2.png\t2\n"),
    ],
)
def test_paths_are_read_from_text_and_tables(images, tmp_path, name, text):
    (tmp_path / "run" / name).write_text(text)
    found = read_paths(tmp_path / "run" / name)
    assert [os.path.realpath(path) for path in found] == [os.path.realpath(path) for path in images]


def test_paths_are_read_from_parquet(images, tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"x": [1.0, 2.0], "path": [str(path) for path in images]})
    pq.write_table(table, tmp_path / "run/a.parquet")
    assert read_paths(tmp_path / "run/a.parquet") == images


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "one\ntwo\n", "neither a folder nor an .npz file, .*'one', which is not a file"),
        ("a.csv", "id,text\n1,a\n", "has 0 columns of names of image files"),
        ("a.csv", "a,b\n1.png,2.png\n", r"has 2 columns of names of image files \(a, b\)"),
        ("a.csv", "", r"not a complete .csv file \(Empty CSV file\)"),
    ],
)
def test_files_without_paths_are_refused(images, tmp_path, name, text, message):
    (tmp_path / "run" / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_paths(tmp_path / "run" / name)
