"""What platforms are there?

Reads every *.yaml of a folder into one catalogue, or says everything that is wrong with it. Nothing
of a catalogue with a mistake is used: half a catalogue would watch half the platforms and look well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from blocks.catalogue.document import Document
from blocks.catalogue.mistakes import CatalogueInvalid, Mistake
from blocks.catalogue.model import Catalogue, Platform
from blocks.catalogue.recovery import ControlPart
from blocks.catalogue.references import check_references
from blocks.catalogue.sense import check_sense
from blocks.catalogue.serialised import digest_of
from blocks.catalogue.shape import read_shape

__all__ = ["CatalogueInvalid", "Mistake", "catalogue_files", "check_catalogue", "load_catalogue"]


def load_catalogue(folder: Path) -> Catalogue:
    """Every customer and platform of the folder's *.yaml files. Raises `CatalogueInvalid` with all mistakes."""
    catalogue, mistakes = _read(folder)
    if mistakes:
        raise CatalogueInvalid(mistakes)
    return catalogue


def check_catalogue(folder: Path) -> list[Mistake]:
    """Everything that is wrong with the catalogue, by file, line and column; empty when it is right."""
    return _read(folder)[1]


def catalogue_files(folder: Path) -> list[Path]:
    """The files that make the catalogue, in order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"} and path.is_file())


def _read(folder: Path) -> tuple[Catalogue, list[Mistake]]:
    files = catalogue_files(folder) if folder.is_dir() else []
    if not files:
        return Catalogue(), [Mistake(str(folder), 1, 1, "expected a folder with at least one *.yaml file")]
    documents = [Document(file) for file in files]
    shapes = [read_shape(document) for document in documents if document.readable]
    mistakes = [*_mistakes(documents), *(mistake for _, found in shapes for mistake in found)]
    catalogues = [catalogue for catalogue, _ in shapes if catalogue is not None]
    if not mistakes and not any(catalogue.platforms for catalogue in catalogues):
        mistakes.append(Mistake(str(files[0]), 1, 1, "expected at least one platform: nothing would be watched"))
    return (Catalogue(), sorted(set(mistakes))) if mistakes else (_merge(catalogues), [])


def _mistakes(documents: Sequence[Document]) -> list[Mistake]:
    """What is wrong as YAML, and what is wrong between things that are each well-formed."""
    readable = [document for document in documents if document.readable]
    unreadable = [document for document in documents if not document.readable]
    found = [mistake for document in documents for mistake in document.mistakes]
    return [*found, *check_references(readable, unreadable), *check_sense(readable)]


def _merge(catalogues: Sequence[Catalogue]) -> Catalogue:
    customers = {name: customer for part in catalogues for name, customer in part.customers.items()}
    control = {name: place for part in catalogues for name, place in part.control_plane.items()}
    platforms = {name: _standing_on(control, p) for part in catalogues for name, p in part.platforms.items()}
    whole = Catalogue.model_construct(control_plane=control, customers=customers, platforms=platforms, digest="")
    return whole.model_copy(update={"digest": digest_of(whole)})


def _standing_on(control: Mapping[ControlPart, str], platform: Platform) -> Platform:
    """The platform with what watches it: the house's own control plane, and its own parts instead where it has some."""
    return platform.model_copy(update={"control_plane": {**control, **platform.control_plane}})
