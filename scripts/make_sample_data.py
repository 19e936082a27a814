"""Make the sample data in resources/data from published packages, so that anybody can check its origin.

For maintainers: `.venv/bin/python scripts/make_sample_data.py`. It downloads two packages with pip into a
temporary folder, compares their SHA-256 with the ones below, and writes `reviews.csv` and `penguins.csv`.
Nothing is executed from the packages.
"""

import csv
import hashlib
import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "resources" / "data"
VADER = ("vaderSentiment==3.3.2", "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9")
PENGUINS = ("palmerpenguins==0.1.6", "5c3be9af84dd703a25f1aaeadeac6ac770cfd38c1620d00089f581c023129ee0")
RATERS = 20


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_csv(
            DATA / "reviews.csv",
            ("text", "rating", "spread", "positive"),
            reviews(download(*VADER, "--no-binary=:all:", folder=Path(folder) / "vader")),
        )
        write_penguins(download(*PENGUINS, folder=Path(folder) / "penguins"))


def download(package: str, sha256: str, *options: str, folder: Path) -> Path:
    """Fetch one package file and return its path. Raises SystemExit when it is not the one expected."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, *options, package], check=True)
    (path,) = folder.iterdir()
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise SystemExit(f"{path.name} has the hash {found}, expected {sha256}")
    return path


def reviews(archive: Path) -> Iterable[tuple[object, ...]]:
    """Text, mean and standard deviation of the ratings, and 1 where the mean is above 0, one row a snippet.

    The mean and the spread (over the raters, population form) are computed from the raw ratings; the mean is
    checked against the published one.
    """
    snippets = read_lines(archive, "amazonReviewSnippets_GroundTruth.txt")
    lines = read_lines(archive, "amazonReviewSnippets_anonDataRatings.txt")
    ratings = {key: json.loads(raw) for key, _, _, raw in lines}
    for key, published, text in snippets:
        values = ratings[key]
        mean, spread = statistics.fmean(values), statistics.pstdev(values)
        if len(values) != RATERS or abs(mean - float(published)) > 1e-3:
            raise SystemExit(f"snippet {key} does not agree with its ratings")
        yield text.strip(), round(mean, 5), round(spread, 5), int(mean > 0)


def read_lines(archive: Path, name: str) -> list[list[str]]:
    """The tab separated lines of one file of the data set, which is an archive inside the package."""
    with tarfile.open(archive) as package:
        inner = package.extractfile("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz")
        assert inner is not None
        with tarfile.open(fileobj=io.BytesIO(inner.read())) as data:
            member = data.extractfile(f"hutto_ICWSM_2014/{name}")
            assert member is not None
            lines = member.read().decode("utf-8-sig").splitlines()
    return [line.split("\t") for line in lines]


def write_penguins(wheel: Path) -> None:
    """Copy the table as it is: its two rows without measurements show how missing values are handled."""
    text = zipfile.ZipFile(wheel).read("palmerpenguins/data/penguins.csv").decode("utf-8")
    (DATA / "penguins.csv").write_text("\n".join(text.splitlines()) + "\n", encoding="utf-8", newline="\n")


def write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
