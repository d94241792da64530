"""Look once: read the batch, run the plan, keep, judge against the approved outcome and the history, tell, end."""

import tempfile
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from xrai_widgets.core import Subject
from xrai_widgets.io.alerts import Delivery, deliver
from xrai_widgets.io.watch_files import WatchFile
from xrai_widgets.results.alert import OCCASIONS
from xrai_widgets.results.look import Counts, Problem, judge_look
from xrai_widgets.results.look_states import Standing
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime.look_tables import Held, Look, LookTables, Mark, now
from xrai_widgets.runtime.plan import check_plan, run_plan
from xrai_widgets.runtime.store import Store
from xrai_widgets.watch.batch_sources import Batch, dated, find_batch
from xrai_widgets.watch.callers import write_metrics
from xrai_widgets.watch.history import Kept, history_of, problems_of, standing_of, stated, texts_of, twin_of
from xrai_widgets.watch.message import brief, message_of
from xrai_widgets.watch.schedule import Schedule, Slot
from xrai_widgets.watch.subjects import counts_of, run_look, subject_of

FINE, FAILED, BROKEN, NOTHING_DUE, HELD = 0, 1, 3, 4, 5
_RETRIED = 60  # newest looks whose labels may still come
_LONGEST_BACK = timedelta(days=3700)


@dataclass(frozen=True)
class Ran:
    """What a run of a watch did.

    Parameters
    ----------
    code : int
        Exit code: 0 fine, 1 a failure or an alarm, 3 an error, a batch that cannot be read or a message that did not
        arrive, 4 nothing due, 5 another run holds the watch.
    looks : tuple of Look
        Made or made again, oldest first.
    standings : tuple of Standing
        Of the newest look.
    deliveries : tuple of Delivery
    note : str
        Why nothing was done, or what else is to be known.
    """

    code: int
    looks: tuple[Look, ...] = ()
    standings: tuple[Standing, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    note: str = ""


class Watch:
    """A watch with its store.

    Parameters
    ----------
    file : WatchFile
    store : Store, optional
        By default the one that the file names.
    run : callable
        Runs a plan, as `run_plan`.
    """

    def __init__(self, file: WatchFile, store: Store | None = None, run: Callable[..., Any] = run_plan) -> None:
        self.file = file
        self.schedule = Schedule(**file.schedule)
        self.plan = [(entry.name, params) for entry, params in check_plan(file.plan)]
        self.policy = (
            Policy.default() if file.policy is None else Policy.of(file.policy, f"the policy in {file.file.name}")
        )
        self.store = Store(file.store) if store is None else store
        self.tables: LookTables = self.store.watched(file.name)
        self._run_plan = run
        self._kept = Kept(self.tables)

    def due(self, moment: datetime) -> list[Slot]:
        """Return the slots that passed and were not looked at, oldest first; before the first look, the newest one."""
        done = self.tables.looks(newest=1)
        if done:
            return self.schedule.between(datetime.fromisoformat(done[-1].at), moment)
        return self.newest_slot(moment)

    def newest_slot(self, moment: datetime) -> list[Slot]:
        """Return the newest slot that passed, if there is one in ten years."""
        back = self.schedule.period(moment)
        while back < _LONGEST_BACK:
            slots = self.schedule.between(moment - back, moment)
            if slots:
                return slots[-1:]
            back *= 2
        return self.schedule.between(moment - _LONGEST_BACK, moment)[-1:]

    def overdue(self, moment: datetime) -> Slot | None:
        """Return a slot that passed and was not looked at for longer than the file allows, if there is one."""
        return next((slot for slot in self.due(moment) if self._is_late(slot, moment)), None)

    def _is_late(self, slot: Slot, moment: datetime) -> bool:
        return moment - slot.at > (self.file.overdue - 1) * self.schedule.period(slot.at)

    def run(self, moment: datetime | None = None, *, if_due: bool = False) -> Ran:
        """Look once.

        Parameters
        ----------
        moment : datetime, optional
            In place of now.
        if_due : bool
            Do nothing where no slot has passed since the last look; else the newest slot is looked at again.
        """
        moment = datetime.now(UTC) if moment is None else moment
        try:
            with self.tables.held() as dead:
                self._kept = Kept(self.tables)
                ran = self._held_run(moment, if_due=if_due)
                taken = f"the run of {dead} was taken over" if dead else ""
                return Ran(
                    ran.code, ran.looks, ran.standings, ran.deliveries, "; ".join(filter(None, (ran.note, taken)))
                )
        except Held as held:
            return Ran(HELD, note=str(held))

    def _held_run(self, moment: datetime, *, if_due: bool) -> Ran:
        due, again = self.due(moment), self._awaited(moment)
        if not due and not again:
            if if_due:
                return Ran(NOTHING_DUE, note=f"nothing is due before {next(self.schedule.after(moment)).name}")
            due = self.newest_slot(moment)
            if not due:
                return Ran(NOTHING_DUE, note="no slot of the schedule has passed yet")
        missed, wanted = self._missed(due)
        for look in missed:
            self._kept.write(look)
        made = [self._look(slot, missed) for slot in sorted([*again, *wanted])]
        return self._notified(made, missed)

    def _missed(self, due: list[Slot]) -> tuple[list[Look], list[Slot]]:
        """Split slots that passed into those that are kept as missed, and those that are looked at."""
        if self.file.missed == "all" or len(due) < 2:
            return [], due
        if self.file.missed == "skip":
            return [], due[-1:]
        return [self._missing(slot) for slot in due[:-1]], due[-1:]

    def _missing(self, slot: Slot) -> Look:
        return Look(slot.name, slot.at.isoformat(), "missed", ran=now())

    def _awaited(self, moment: datetime) -> list[Slot]:
        """Return the slots whose labels had not come, where they have come since."""
        if not self.file.batch.labels:
            return []
        waiting = [look for look in self.tables.looks(newest=_RETRIED) if look.detail.get("labels") == "awaited"]
        slots = [Slot(datetime.fromisoformat(look.at), look.slot) for look in waiting]
        return [slot for slot in slots if slot.at <= moment and self._has_labels(slot)]

    def _has_labels(self, slot: Slot) -> bool:
        local = slot.at.astimezone(ZoneInfo(self.schedule.zone))
        if not (self.file.file.parent / dated(self.file.batch.labels, local)).exists():
            return False
        with tempfile.TemporaryDirectory(prefix="xrai-watch-") as work:
            try:
                return not self._batch(slot, Path(work)).note
            except ValueError:
                return False

    def _batch(self, slot: Slot, work: Path) -> Batch:
        looks = self._kept.looks()
        seen = {str(look.detail.get("origin", "")) for look in looks if look.slot != slot.name}
        before = [look.at for look in looks if look.at < slot.at.isoformat()]
        since = datetime.fromisoformat(before[-1]) if before else slot.at - self.schedule.period(slot.at)
        local = slot.at.astimezone(ZoneInfo(self.schedule.zone))
        earlier = next((str(look.detail.get("origin", "")) for look in looks if look.slot == slot.name), "")
        folder, span = self.file.file.parent, (since, slot.at)
        return find_batch(self.file.batch, folder, local, span, seen, work, self.file.subject, earlier)

    def _look(self, slot: Slot, missed: list[Look]) -> Look:
        """Look at one slot and keep what was found, an error as well."""
        with tempfile.TemporaryDirectory(prefix="xrai-watch-") as work:
            try:
                batch = self._batch(slot, Path(work))
                look = self._judged(slot, batch, subject_of(self.file.subject, batch.file))
            except Exception as error:  # noqa: BLE001 - it is kept and told, and the next batch is looked at
                expected = isinstance(error, ValueError | TypeError | OSError)
                look = self._broken(slot, str(error) if expected else f"{type(error).__name__}: {error}")
        if missed and slot.at.isoformat() > missed[-1].at:
            note = f"{len(missed)} slots were missed, from {missed[0].slot} to {missed[-1].slot}"
            problems = [*problems_of(look), asdict(Problem("slots missed", "missed", note))]
            look = replace(look, detail={**look.detail, "problems": problems})
        self._kept.write(look)
        return look

    def _broken(self, slot: Slot, why: str) -> Look:
        problem = Problem("batch error", "error", f"the batch could not be judged: {why}")
        return Look(slot.name, slot.at.isoformat(), "error", detail={"problems": [asdict(problem)]}, ran=now())

    def _judged(self, slot: Slot, batch: Batch, subject: Subject) -> Look:
        outcomes, before = run_look(subject, self.plan, self.store, self._run_plan)
        mark = self._approved()
        changed = mark is not None and mark.series != subject.series
        counts, uncounted = (None, "") if changed else self._counts(subject)
        approved = {} if changed or mark is None else before
        looks = self._kept.looks()
        twin = twin_of(looks, slot, subject.batch)
        history = history_of(looks, self.tables.marks("ack"), slot, subject.series, None if twin else counts)
        judged = judge_look(outcomes, approved, self.policy, history, self.file.allowed_fall)
        problems, status = list(judged.problems), str(judged.status)
        notes = [*filter(None, (batch.note, uncounted, *judged.notes))]
        if mark is None:
            notes.append("no model is approved yet: changes are not judged (watch approve)")
        if twin:
            problems.append(Problem("batch twice", "error", f"the batch is that of {twin}: it is not counted again"))
        if changed:
            status = "model changed"
            note = "the model or its baseline is not the one that was approved: watch approve, or put it back"
            problems.append(Problem("model changed", "model changed", note))
        if any(problem.occasion == "error" for problem in problems):
            status = "error"
        unsaved = [outcome.unsaved for outcome in outcomes if outcome.unsaved]
        detail = {
            "problems": [asdict(problem) for problem in problems],
            "notes": notes + unsaved,
            "outcomes": [brief(outcome) for outcome in outcomes],
            "counts": counts.to_dict() if counts is not None and not twin else None,
            "origin": batch.origin,
            "labels": "awaited" if self.file.batch.labels and subject.y_new is None else "",
        }
        return Look(slot.name, slot.at.isoformat(), status, subject.series, subject.batch, detail, now())

    def _counts(self, subject: Subject) -> tuple[Counts | None, str]:
        """Return the wrong answers, or why they cannot be counted: the model may refuse what the drift is judged on."""
        try:
            return counts_of(subject), ""
        except Exception as error:  # noqa: BLE001 - whatever the model raises
            return None, f"history: the wrong answers cannot be counted ({type(error).__name__}: {error})"

    def _approved(self) -> Mark | None:
        marks = self.tables.marks("approve")
        return marks[-1] if marks else None

    def _notified(self, made: list[Look], missed: list[Look]) -> Ran:
        looks, occasions = self._kept.looks(), frozenset(self.policy.alert.occasions)
        fresh = {look.slot for look in made}
        standing = standing_of(looks, self.tables.marks("ack"), occasions, self.file.reminder, fresh)
        news = [one for one in standing if one.notify]
        deliveries: tuple[Delivery, ...] = ()
        newest = made[-1]
        if news and self.file.channels:
            message = message_of(self.file.name, newest, standing, texts_of(looks), missed)
            deliveries = tuple(deliver(channel, message) for channel in self.file.channels)
            detail = {**newest.detail, "deliveries": [asdict(delivery) for delivery in deliveries]}
            newest = replace(newest, detail=detail)
            self._kept.write(newest)
        unwritten = write_metrics(self.file, self._kept.looks()[-1], self._succeeded())
        code = _code([*made[:-1], newest], deliveries) or (BROKEN if unwritten else FINE)
        return Ran(code, (*missed, *made[:-1], newest), tuple(standing), deliveries, unwritten)

    def _succeeded(self) -> float:
        """Return when a look last ended without an error, in seconds since the epoch; 0 for never."""
        fine = [look.ran for look in self._kept.looks() if look.status not in ("error", "missed")]
        return datetime.fromisoformat(max(fine)).timestamp() if fine else 0.0

    def standing(self, occasions: Collection[str] | None = None) -> list[Standing]:
        """Return the state at the newest look of every problem of some occasions; of those that the policy tells."""
        wanted = frozenset(self.policy.alert.occasions if occasions is None else occasions)
        return standing_of(self.tables.looks(), self.tables.marks("ack"), wanted, self.file.reminder)

    def approve(self, who: str, why: str) -> Mark:
        """Pin the model and its baseline as the ones that every look is held against."""
        baseline = subject_of(self.file.subject, None)
        looks = self.tables.looks(newest=1)
        slot = looks[-1].slot if looks else ""
        self.tables.mark("approve", slot, baseline.series, who=stated("who", who), why=stated("why", why))
        return self.tables.marks("approve")[-1]

    def acknowledge(self, who: str, why: str) -> list[str]:
        """Acknowledge the problems of the newest look: they are not told again, and the history begins anew."""
        keys = [one.key for one in self.standing(OCCASIONS) if one.state in ("opened", "still there")]
        looks = [look for look in self.tables.looks() if look.status != "missed"]
        if not keys:
            raise ValueError("there is nothing to acknowledge")
        newest = looks[-1]
        self.tables.mark("ack", newest.slot, newest.series, who=stated("who", who), why=stated("why", why), keys=keys)
        return keys


def _code(looks: list[Look], deliveries: tuple[Delivery, ...]) -> int:
    occasions = {problem["occasion"] for look in looks for problem in problems_of(look)}
    if occasions & {"fail", "alarm", "model changed"}:
        return FAILED
    unsaved = any(brief["unsaved"] for look in looks for brief in look.detail.get("outcomes", ()))
    lost = any(not delivery.arrived for delivery in deliveries)
    return BROKEN if "error" in occasions or unsaved or lost else FINE
