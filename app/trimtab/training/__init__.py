"""Learning, races and promotion: the pure part of the trainer."""

from trimtab.training.decisions import Appointment, Decision, Deletion, Note, Pin, Promotion, Registration, Rollback
from trimtab.training.inventory import Inventory
from trimtab.training.lineage import Batch, LearntRange, Lineage, model_input, read_batch
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.trainer import PastChampion, Trainer, TrainerState

__all__ = [
    "Appointment",
    "Batch",
    "Candidate",
    "Decision",
    "Deletion",
    "Inventory",
    "LearntRange",
    "Lineage",
    "Note",
    "PastChampion",
    "Pin",
    "Promotion",
    "Race",
    "Registration",
    "Rollback",
    "Trainer",
    "TrainerState",
    "Trigger",
    "model_input",
    "read_batch",
]
