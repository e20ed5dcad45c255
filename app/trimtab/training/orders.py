"""What a trainer makes of a person's orders about versions: pure, so that the same order decides the same.

Every order ends in the audit log: carried out, or refused with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.training.decisions import Decision, Deletion, Note, Pin, Registration
from trimtab.training.inventory import said
from trimtab.training.trainer import Trainer

__all__ = [
    "MOST_VERSION",
    "Order",
    "approve",
    "delete",
    "import_",
    "missing",
    "not_to_promote",
    "pin",
    "promote",
    "refused",
]

MOST_VERSION = 1_000_000_000
"""Largest version number: it is an Avro int, and the next ones must fit too."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order: its id, what is to be done with which version, who wants it, why, and the key that has signed it."""

    id: str
    command: str
    version: int
    actor: str
    reason: str = ""
    signed_by: str = ""

    @property
    def details(self) -> dict[str, float | str | None]:
        """What every entry in the audit log says of it."""
        told = {"why": self.reason, "signed_by": self.signed_by}
        return {"order": self.id, **{name: value for name, value in told.items() if value}}


def refused(order: Order, reason: str) -> list[Decision]:
    """The entry of an order that is not carried out."""
    details = {**order.details, "command": order.command, "reason": reason}
    return [Note("refused", "command", actor=order.actor, version=order.version, details=details)]


def missing(trainer: Trainer, order: Order) -> str | None:
    """Why the version cannot be meant; None when it is in the registry."""
    inventory = trainer.state.inventory
    if order.version in inventory:
        return None
    return f"{trainer.name} has no version {order.version}; there are: {said(inventory.parents)}"


def not_to_promote(trainer: Trainer, order: Order) -> str | None:
    """Why a version cannot become champion, whatever it holds; None when it may."""
    if trainer.champion is not None and trainer.champion.version == order.version:
        return "it is the champion already"
    return missing(trainer, order)


def promote(trainer: Trainer, order: Order, model: Any) -> list[Decision]:
    """Make a version the champion: ``promote``, or ``rollback`` to one that is named.

    Parameters
    ----------
    model
        From the version's snapshot, checked by the role.
    """
    reason = not_to_promote(trainer, order)
    if reason is not None:
        return refused(order, reason)
    return trainer.appoint(order.version, model, order.actor, order.details, back=order.command == "rollback")


def approve(trainer: Trainer, order: Order) -> list[Decision]:
    """Let a winner go on, when the order is signed by who may approve."""
    approvers = trainer.config.gates.approvers
    if approvers and order.signed_by not in approvers:
        by = f"it is signed by {order.signed_by}" if order.signed_by else "it is not signed"
        return refused(order, f"{by}; gates.approvers are {', '.join(approvers)}: sign it with registry.sign_with")
    return trainer.on_approve(order.actor, order.version or None, order.details)


def pin(trainer: Trainer, order: Order) -> list[Decision]:
    """Keep a version until it is unpinned, or no longer: ``pin`` and ``unpin``."""
    inventory, on = trainer.state.inventory, order.command == "pin"
    reason = missing(trainer, order)
    if reason is None and (order.version in inventory.pinned) == on:
        reason = "it is pinned already" if on else "it is not pinned"
    if reason is not None:
        return refused(order, reason)
    (inventory.pinned.add if on else inventory.pinned.discard)(order.version)
    return [Pin(order.version, on, order.actor, order.reason, order.details)]


def delete(trainer: Trainer, order: Order) -> list[Decision]:
    """Take a version out of the registry, unless it is needed or pinned."""
    inventory = trainer.state.inventory
    reason = missing(trainer, order) or trainer.needed.get(order.version)
    if reason is None and order.version in inventory.pinned:
        reason = f"it is pinned; first: trimtab registry unpin {trainer.name}@{order.version}"
    if reason is not None:
        return refused(order, reason)
    inventory.remove(order.version)
    return [Deletion((order.version,), "command", order.actor, order.details)]


def import_(
    trainer: Trainer, order: Order, parents: Mapping[int, int | None], staged: Any, reason: str = ""
) -> list[Decision]:
    """Take imported versions into the registry, all of them or none; none of them serves yet.

    Parameters
    ----------
    parents
        The versions, each with its parent among them, or None.
    staged
        What the importer wrote, which the role moves to its place, or removes.
    reason
        Why the role found that it cannot be taken.
    """
    state = trainer.state
    taken = sorted(parents.keys() & state.inventory.used)
    if reason:
        pass
    elif not parents or max(parents) != order.version or min(parents) < 1 or order.version > MOST_VERSION:
        reason = f"it is not what was staged; versions go from 1 to {MOST_VERSION}: import it again"
    elif any(parent is not None and (parent not in parents or parent >= v) for v, parent in parents.items()):
        reason = "a parent is not among the versions that come with it; import it again"
    elif taken:
        free = max(state.next_version, max(state.inventory.used, default=0) + 1) + order.version - min(parents)
        reason = f"{trainer.name} has had version {said(taken)} already; import with --version {free}, or higher"
    if not reason:
        for version, parent in sorted(parents.items()):
            state.inventory.add(version, parent, served=False)
        # What is trained next is newer than what has come.
        state.next_version = max(state.next_version, order.version + 1)
    return [Registration(order.version, order.actor, staged, order.details, reason)]
