"""Image files of a folder: what is skipped, and the order."""

import warnings
from pathlib import Path

import pytest

from vmfmix.storage.image_folders import image_paths, ordered_like_rows


def make_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_image_paths_lists_images_of_all_subfolders(tmp_path):
    make_files(tmp_path, "b/2.JPG", "1.png", "b/3.webp")
    expected = [tmp_path / name for name in ("1.png", "b/2.JPG", "b/3.webp")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert image_paths(tmp_path) == expected


def test_image_paths_refuses_folders_without_images(tmp_path):
    make_files(tmp_path, "notes.txt")
    with pytest.raises(ValueError, match=r"There is no image in .*\.png.*Skipped: suffix \.txt: 1"):
        image_paths(tmp_path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("._1.jpg", r"hidden: 1 \(\._1\.jpg\)"),
        (".ipynb_checkpoints/1-checkpoint.png", r"hidden: 1 \(\.ipynb_checkpoints\)"),
        (".thumbnails/1.png", "hidden: 1"),
        ("a/.hidden/deep/1.png", r"hidden: 1 \(a/\.hidden\)"),
        ("__MACOSX/a/._1.jpg", r"system folder: 1 \(__MACOSX\)"),
        ("a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", r"system folder: 1 \(a/@eaDir\)"),
        ("Thumbs.db", r"suffix \.db: 1"),
        ("1.jfif", r"suffix \.jfif: 1"),
        ("README", "no suffix: 1"),
        ("folder.png/1.png", r"folder with the name of an image: 1 \(folder\.png\)"),
    ],
)
def test_image_paths_skips_what_is_no_image_and_says_why(tmp_path, name, reason):
    make_files(tmp_path, "a/1.png", name)
    with pytest.warns(UserWarning, match=f"Skipped in .*: {reason}"):
        assert image_paths(tmp_path) == [tmp_path / "a/1.png"]


def test_image_paths_counts_skipped_files_in_one_line(tmp_path):
    make_files(tmp_path, "1.png", *(f"._{i}.png" for i in range(5)), "a.txt", "b.txt", "c.md")
    with pytest.warns(UserWarning) as warned:
        image_paths(tmp_path)
    assert str(warned[0].message) == (
        f"Skipped in {tmp_path}: hidden: 5 (._0.png, ._1.png, ._2.png, …); suffix .md: 1; "
        "suffix .txt: 2."
    )


def test_image_paths_follows_links_to_folders_and_skips_broken_ones(tmp_path):
    make_files(tmp_path, "elsewhere/1.png", "images/b/2.png")
    images = tmp_path / "images"
    (images / "a").symlink_to(tmp_path / "elsewhere")
    (images / "b/again").symlink_to(images)
    (images / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.warns(UserWarning, match=r"link to a parent .*again\); broken link: 1 \(gone"):
        assert image_paths(images) == [images / "a/1.png", images / "b/2.png"]


def test_image_paths_skips_the_output_folder_and_earlier_trainings(tmp_path):
    make_files(tmp_path, "a/1.png", "run/history.png", "old/history.png", "old/config.yaml")
    with pytest.warns(UserWarning, match=r"training: 1 \(old\); output folder: 1 \(run\)"):
        assert image_paths(tmp_path, tmp_path / "a/../run") == [tmp_path / "a/1.png"]


def test_image_paths_skips_the_plot_of_a_training_in_the_folder_itself(tmp_path):
    make_files(tmp_path, "1.png", "history.png", "metrics.csv")
    with pytest.warns(UserWarning, match=r"training: 1 \(history\.png\); suffix \.csv: 1"):
        assert image_paths(tmp_path, tmp_path) == [tmp_path / "1.png"]
    (tmp_path / "metrics.csv").unlink()
    assert image_paths(tmp_path) == [tmp_path / "1.png", tmp_path / "history.png"]


FOLDER = Path("images")


def paths(*names):
    return [FOLDER / name for name in names]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("natural", ["a/img2.png", "a/img10.png", "b/1.png"]),
        ("string", ["a/img10.png", "a/img2.png", "b/1.png"]),
    ],
)
def test_order_of_rows_can_be_given(order, expected):
    given = paths("b/1.png", "a/img10.png", "a/img2.png")
    assert ordered_like_rows(given, FOLDER, order) == paths(*expected)


def test_order_of_rows_is_refused_where_it_could_be_either():
    given = paths(*sorted(f"img{i}.jpg" for i in range(2800)))
    with pytest.raises(ValueError, match=r"img2\.jpg before img10\.jpg.*--image-order natural"):
        ordered_like_rows(given, FOLDER)
    with pytest.raises(ValueError, match="could have the images"):  # glob sorts "-" before "/"
        ordered_like_rows(paths("a/1.png", "a-b/1.png"), FOLDER)


def test_order_of_rows_is_that_of_names_where_all_orders_agree():
    given = paths("img010.jpg", "img002.jpg")
    assert ordered_like_rows(given, FOLDER) == paths("img002.jpg", "img010.jpg")
