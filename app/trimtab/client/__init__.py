"""What a service imports: a producer of events, and a model that stays up to date by itself."""

from trimtab.client.drops import Drop, DropReason
from trimtab.client.follower import FollowerStats, ModelFollower, ServedModel, ServedPrediction
from trimtab.client.producer import Producer, ProducerStats

__all__ = [
    "Drop",
    "DropReason",
    "FollowerStats",
    "ModelFollower",
    "Producer",
    "ProducerStats",
    "ServedModel",
    "ServedPrediction",
]
