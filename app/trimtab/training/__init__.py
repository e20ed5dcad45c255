"""Learning, races and promotion: the pure part of the trainer."""

from trimtab.training.decisions import Decision, Note, Promotion, Rollback
from trimtab.training.lineage import Batch, LearntRange, Lineage, model_input, read_batch
from trimtab.training.race import Candidate, Race, Trigger
from trimtab.training.trainer import PastChampion, Trainer, TrainerState

__all__ = [
    "Batch",
    "Candidate",
    "Decision",
    "LearntRange",
    "Lineage",
    "Note",
    "PastChampion",
    "Promotion",
    "Race",
    "Rollback",
    "Trainer",
    "TrainerState",
    "Trigger",
    "model_input",
    "read_batch",
]
