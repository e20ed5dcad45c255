"""What is wrong with an installation, and what to do about it: ``trimtab doctor``."""

from trimtab.doctor.examine import examine
from trimtab.doctor.finding import Finding, Status

__all__ = ["Finding", "Status", "examine"]
