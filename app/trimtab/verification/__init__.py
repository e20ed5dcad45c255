"""Is a version what its manifest says? Its examples are learnt again, and the models compared bit for bit."""

from trimtab.verification.manifest import Manifest, manifest_sha256
from trimtab.verification.verify import Verdict, verify

__all__ = ["Manifest", "Verdict", "manifest_sha256", "verify"]
