"""Training sets: exported exactly, compared, and archived before retention takes them.

What a version learnt is read from Kafka, or from an archive where Kafka no longer has it, and is only believed when it
has the chained SHA-256 of the version's manifest.
"""

from trimtab.dataset.archive import Archive, ArchiveGone, Catalogue, with_archive
from trimtab.dataset.archiving import FILE_BYTES, Archived, archive_examples, fill
from trimtab.dataset.compare import compared
from trimtab.dataset.export import Exported, export_dataset
from trimtab.dataset.sides import is_exported, summary_of_folder, summary_of_version

__all__ = [
    "FILE_BYTES",
    "Archive",
    "ArchiveGone",
    "Archived",
    "Catalogue",
    "Exported",
    "archive_examples",
    "compared",
    "export_dataset",
    "fill",
    "is_exported",
    "summary_of_folder",
    "summary_of_version",
    "with_archive",
]
