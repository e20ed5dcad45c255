"""Is a version what its manifest says? Its examples are learnt again, and the models compared bit for bit."""

from trimtab.verification.manifest import Damaged, Manifest, manifest_sha256
from trimtab.verification.source import Record, Source, believed_manifest, from_kafka, read_batches, same_records
from trimtab.verification.verify import Verdict, verify

__all__ = [
    "Damaged",
    "Manifest",
    "Record",
    "Source",
    "Verdict",
    "believed_manifest",
    "from_kafka",
    "manifest_sha256",
    "read_batches",
    "same_records",
    "verify",
]
