"""Write scikit-learn's handwritten digits as image files, with one folder per class.

    python examples/digits_as_images.py digits

creates the folders digits/train, for training, and digits/test, for scoring.
"""

import sys
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits


def main(folder):
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target)):
        split = "test" if number % 4 == 0 else "train"
        path = Path(folder) / split / str(label) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15.9).astype("uint8")).save(path)
    print(f"Wrote {len(digits.images)} images to {folder}/train and {folder}/test")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "digits")
