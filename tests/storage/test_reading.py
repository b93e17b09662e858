"""Reading of text files with one line for each row."""

import pytest

from vmfmix.storage.reading import read_lines, validate_input_file


@pytest.mark.parametrize(
    "content",
    [b"a\nb c\n\xc3\xa4\n", b"a\nb c\n\xc3\xa4", b"\xef\xbb\xbfa\r\nb c\r\n\xc3\xa4\r\n"],
    ids=["plain", "no final newline", "byte order mark and CRLF"],
)
def test_read_lines_returns_lines_without_endings(tmp_path, content):
    (tmp_path / "x.txt").write_bytes(content)
    assert read_lines(tmp_path / "x.txt", 3) == ["a", "b c", "ä"]


def test_read_lines_keeps_empty_lines(tmp_path):
    (tmp_path / "x.txt").write_text("a\n\nb\n")
    assert read_lines(tmp_path / "x.txt", 3) == ["a", "", "b"]


def test_read_lines_refuses_another_number_of_lines(tmp_path):
    (tmp_path / "x.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match="has 2 lines and the embeddings have 3 rows"):
        read_lines(tmp_path / "x.txt", 3)


def test_read_lines_refuses_other_encodings(tmp_path):
    (tmp_path / "x.txt").write_bytes("ä\n".encode("latin-1"))
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        read_lines(tmp_path / "x.txt", 1)


def test_validate_input_file_refuses_folders_and_missing_files(tmp_path):
    (tmp_path / "x.txt").write_text("a")
    validate_input_file(tmp_path / "x.txt")
    with pytest.raises(ValueError, match="is a folder; a file is needed"):
        validate_input_file(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no file .*missing"):
        validate_input_file(tmp_path / "missing")
