"""Learning, races and promotion: the pure part of the trainer."""

from trimtab.training.calibrated import Calibrated
from trimtab.training.decisions import (
    Appointment,
    Canary,
    Decision,
    Deletion,
    Note,
    Pin,
    Promotion,
    Registration,
    Rollback,
)
from trimtab.training.inventory import Inventory
from trimtab.training.lineage import Batch, LearntRange, Lineage, model_input, read_batch
from trimtab.training.preparing import Preparing, Replaying
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.state import PastChampion, Proposal, Shadow, TrainerState
from trimtab.training.trainer import Trainer

__all__ = [
    "Appointment",
    "Batch",
    "Calibrated",
    "Canary",
    "Candidate",
    "Decision",
    "Deletion",
    "Inventory",
    "LearntRange",
    "Lineage",
    "Note",
    "PastChampion",
    "Pin",
    "Preparing",
    "Promotion",
    "Proposal",
    "Race",
    "Registration",
    "Replaying",
    "Rollback",
    "Shadow",
    "Trainer",
    "TrainerState",
    "Trigger",
    "model_input",
    "read_batch",
]
