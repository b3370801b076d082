"""The files a configuration is made of, as bytes: read together, and known by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from router.config.load import Source


@dataclass(slots=True)
class Files:
    """The configuration files of a daemon, in the order they overlay one another. `read_file` reads what they refer to, and
    remembers which files those were: a change of one of them is a change of the configuration."""

    paths: tuple[Path, ...]
    _referenced: set[str] = field(default_factory=set)

    def read(self) -> tuple[Source, ...]:
        """Raises OSError."""
        return tuple(Source(str(path), path.read_bytes()) for path in self.paths)

    def digest(self, sources: tuple[Source, ...]) -> str:
        """SHA-256 over these texts and, as they are now, all files referred to so far. One that cannot be read counts as
        empty: to say so is the business of the check."""
        digest = hashlib.sha256()
        for text in (*(source.text for source in sources), *(_or_empty(Path(name)) for name in sorted(self._referenced))):
            digest.update(len(text).to_bytes(8, "big") + text)
        return digest.hexdigest()

    def read_file(self, name: str) -> bytes:
        """What a `${file:…}` of the configuration names. Raises OSError."""
        self._referenced.add(name)
        return Path(name).read_bytes()

    def folders(self) -> set[Path]:
        """Every directory in which a change can matter: that of each file, and of each link on the way to it."""
        found: set[Path] = set()
        for path in (*self.paths, *map(Path, self._referenced)):
            found.update(_folders_of(path))
        return {folder for folder in found if folder.is_dir()}


def _or_empty(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _folders_of(path: Path) -> Iterable[Path]:
    """Kubernetes mounts `router.yaml -> ..data/router.yaml` and `..data -> ..2026_11_25`, and swaps the second link."""
    path = path.absolute()
    for _ in range(40):  # As many links as Linux follows (ELOOP).
        yield path.parent
        link = next((part for part in (path, *path.parents) if part.is_symlink()), None)
        if link is None:
            return
        yield link.parent
        path = link.parent / link.readlink() / path.relative_to(link)
