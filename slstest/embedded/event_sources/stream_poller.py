"""Reads the shards of a stream, and keeps their lanes at work.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html#kinesis-polling-and-batching: the
batches of a shard are handled one after the other, or as many at once as the mapping's
ParallelizationFactor says. A batch that fails holds up its lane and no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from slstest.embedded.event_sources.base import InvokeBatch, named
from slstest.embedded.event_sources.lane import Lane
from slstest.embedded.event_sources.settings import StreamSettings
from slstest.embedded.event_sources.shard import Shard
from slstest.embedded.event_sources.stream_delivery import Discard, StreamDelivery, Wait
from slstest.embedded.event_sources.stream_reader import StreamNotFound, StreamReader
from slstest.embedded.scheduler import Scheduler


class StreamPoller:
    """Delivers one stream to one function.

    Nothing is polled in vain: :meth:`wake` is called when records were put, and each shard
    is read until its end is reached.

    A lane has at most one worker at a time, which alone forms and handles its batches. All
    other threads only leave word for it, under the lock: that it is woken, that the mapping
    is enabled or not, and what its settings are.
    """

    def __init__(
        self,
        reader: StreamReader,
        settings: StreamSettings,
        scheduler: Scheduler,
        *,
        invoke: InvokeBatch,
        discard: Discard,
        function: Callable[[], str],
    ) -> None:
        """``discard`` hears of the records that are given up, ``function`` gives the name of the
        one for which the stream is read. Raises :class:`StreamNotFound`."""
        self._last_result = "No records processed"
        self.lost = False
        """Whether the stream has been deleted; nothing is read any more."""
        self._reader = reader
        self._settings = settings
        self._scheduler = scheduler
        self._function = function
        self._delivery = StreamDelivery(reader, scheduler.now, invoke, discard)
        self._lock = threading.Lock()
        self._enabled = False
        self._shards: dict[str, Shard] = {}
        self._finding = False
        """Whether somebody is about to look for the first shards."""
        self._add_shards(settings.starting_position)

    @property
    def last_result(self) -> str:
        """What became of the last batch, as AWS words it."""
        return f"PROBLEM: Stream not found: {self._reader.arn}" if self.lost else self._last_result

    def enable(self) -> None:
        """Begin, or go on where it was disabled; with a stream that has come back begin anew.
        Raises :class:`StreamNotFound`."""
        if self.lost:
            self._forget_shards()
        for shard in self._all_shards():
            shard.hold_place(self._scheduler.now())
        with self._lock:
            self._enabled = True
            self._wake_everything()

    def disable(self) -> None:
        """Finish the batches that are being handled, and begin no other."""
        with self._lock:
            self._enabled = False
            for shard in self._shards.values():
                for lane in shard.lanes:
                    lane.cancel_timer(self._scheduler)

    def lose(self) -> None:
        """The stream does not exist any more: read nothing, and retry nothing."""
        self.lost = True
        self.disable()

    def update(self, settings: StreamSettings) -> None:
        """Go on with other settings, from the next batch."""
        with self._lock:
            self._settings = settings
            for shard in self._shards.values():
                shard.must_relane = len(shard.lanes) != settings.parallelization_factor
            self._wake_everything()

    def wake(self, shard_ids: Iterable[str] | None = None) -> None:
        """Records may have come: into these shards, or into any."""
        if not self._enabled:
            return
        if shard_ids is None:
            woken = self._all_shards()
        else:
            if any(shard_id not in self._shards for shard_id in shard_ids):
                self._add_shards("TRIM_HORIZON")
            woken = [self._shards[each] for each in shard_ids if each in self._shards]
        for shard in woken:
            self._wake_shard(shard)

    def look(self) -> None:
        """See whether records have come, as nobody tells. A shard whose lanes are all at work is
        left alone: it is read again when one has ended. Looks that come faster than the stream
        answers would keep it at work for ever. A stream that had no shard yet may have one now, as
        DynamoDB's may while it is being enabled."""
        with self._lock:
            find = self._enabled and not self._shards and not self._finding
            self._finding = self._finding or find
        if find:
            self._submit(f"the shards of {self._reader.name}", self._find_shards)
        for shard in self._all_shards() if self._enabled else ():
            with self._lock:
                if not all(lane.working for lane in shard.lanes):
                    self._wake_first(shard)

    # -- called from any thread -----------------------------------------------------------

    def _all_shards(self) -> list[Shard]:
        with self._lock:
            return list(self._shards.values())

    def _add_shards(self, starting_position: str) -> None:
        found = self._reader.shards()
        with self._lock:
            for info in found:
                if info.shard_id not in self._shards:
                    self._shards[info.shard_id] = Shard(
                        info,
                        self._reader,
                        starting_position,
                        self._settings.starting_position_timestamp,
                        lanes=self._settings.parallelization_factor,
                    )

    def _find_shards(self) -> None:
        """Look for the first shards. What is in them came after the mapping."""
        position = self._settings.starting_position
        try:
            self._add_shards("TRIM_HORIZON" if position == "LATEST" else position)
        except StreamNotFound:
            self.lose()
        finally:
            with self._lock:
                self._finding = False
        with self._lock:
            self._wake_everything()

    def _forget_shards(self) -> None:
        with self._lock:
            self._shards.clear()
        self._add_shards(self._settings.starting_position)
        self.lost = False

    def _unfinished_parents(self, shard: Shard) -> list[Shard]:
        """The shards from which this one was made and that hold it up: its records come after
        theirs."""
        parents = (self._shards.get(parent) for parent in shard.parents)
        return [parent for parent in parents if parent is not None and not parent.is_done]

    def _wake_everything(self) -> None:
        """Have every lane look anew at what waits in it."""
        for shard in self._shards.values():
            if not self._unfinished_parents(shard):
                self._wake_lanes(shard)

    def _wake_lanes(self, shard: Shard) -> None:
        shard.news += 1
        for lane in shard.lanes:
            self._start(shard, lane)

    def _wake_shard(self, shard: Shard) -> None:
        """Have a shard read, or what comes before it: a record in a shard shows that those
        are closed of which it was made."""
        with self._lock:
            self._wake_first(shard)

    def _wake_first(self, shard: Shard) -> None:
        shard.news += 1
        blockers = self._unfinished_parents(shard)
        for parent in blockers:
            self._wake_first(parent)
        if not blockers:
            # One lane reads for all of them. Where all are at work, the first to end its
            # batch does.
            at_rest = [lane for lane in shard.lanes if not lane.working]
            for lane in at_rest[:1] or shard.lanes:
                self._start(shard, lane)

    def _wake_lane(self, shard: Shard, lane: Lane) -> None:
        with self._lock:
            self._start(shard, lane)

    def _start(self, shard: Shard, lane: Lane) -> None:
        if not self._enabled or lane not in shard.lanes:
            return
        lane.woken = True
        if lane.working:
            return
        lane.working = True
        self._submit(f"records of {self._place(shard)}", lambda: self._work(shard, lane))

    def _submit(self, what: str, task: Callable[[], None]) -> None:
        self._scheduler.submit(what, named(task, self._function, self._reader.name))

    def _set_timer(self, shard: Shard, lane: Lane, wait: Wait) -> None:
        with self._lock:
            if not self._enabled or (lane.timer is not None and lane.timer.due == wait.until):
                return
            lane.cancel_timer(self._scheduler)

            def fire() -> None:
                with self._lock:
                    if lane.timer is timer:
                        lane.timer = None
                self._wake_lane(shard, lane)

            what = f"{wait.what} {self._place(shard)}"
            timer = self._scheduler.call_at(wait.until, what, fire)
            lane.timer = timer

    def _clear_timer(self, lane: Lane) -> None:
        with self._lock:
            lane.cancel_timer(self._scheduler)

    # -- called by a lane's worker alone --------------------------------------------------

    def _work(self, shard: Shard, lane: Lane) -> None:
        try:
            self._handle_all(shard, lane)
            self._relane(shard)
            if shard.is_done:
                self._go_on_with_children(shard)
        except StreamNotFound:
            self.lose()

    def _handle_all(self, shard: Shard, lane: Lane) -> None:
        try:
            while self._has_work(lane):
                while self._handle_next(shard, lane):
                    pass
        except BaseException:
            with self._lock:
                lane.working = False
            raise

    def _has_work(self, lane: Lane) -> bool:
        with self._lock:
            if lane.woken and self._enabled:
                lane.woken = False
                return True
            lane.working = False
            return False

    def _handle_next(self, shard: Shard, lane: Lane) -> bool:
        """Handle one batch of a lane; False where there is none to handle now."""
        if not self._enabled or _must_rest(shard, lane):
            return False
        wait = self._delivery.resume(shard, lane, self._settings)
        self._read(shard, lane, self._settings)
        # Not before: a record that was put after an update must not find the settings before it.
        settings = self._settings
        ready = wait or self._delivery.prepare(shard, lane, settings)
        if isinstance(ready, Wait):
            self._set_timer(shard, lane, ready)
            return False
        self._clear_timer(lane)
        if not ready or not self._enabled:
            return False
        succeeded = self._delivery.deliver(shard, lane, settings)
        self._last_result = "OK" if succeeded else "PROBLEM: Function call failed"
        return True

    def _read(self, shard: Shard, lane: Lane, settings: StreamSettings) -> None:
        """Read for every lane of a shard that waits for records. What is too old in this one
        makes room."""
        self._delivery.give_up_unsent(shard, lane, settings)
        while shard.is_wanted(settings.batch_size):
            for fed in shard.read(settings, self._scheduler.now()):
                if fed is not lane:
                    self._wake_lane(shard, fed)
            self._delivery.give_up_unsent(shard, lane, settings)

    def _relane(self, shard: Shard) -> None:
        """Lay the shard's lanes anew if their number was changed and all of them rest."""
        with self._lock:
            if not all(_must_rest(shard, lane) and not lane.working for lane in shard.lanes):
                return
            for lane in shard.lanes:
                lane.cancel_timer(self._scheduler)
            shard.relane(self._settings.parallelization_factor)
            for lane in shard.lanes:
                self._start(shard, lane)

    def _go_on_with_children(self, shard: Shard) -> None:
        """Read the shards that were made from one whose records are all dealt with."""
        if not shard.children_known:
            shard.children_known = True
            self._add_shards("TRIM_HORIZON")
        with self._lock:
            for other in self._shards.values():
                if shard.shard_id in other.parents and not self._unfinished_parents(other):
                    self._wake_lanes(other)

    def _place(self, shard: Shard) -> str:
        return f"{shard.shard_id} of {self._reader.name}"


def _must_rest(shard: Shard, lane: Lane) -> bool:
    """Whether a lane waits for the shard's lanes to be laid anew. A tumbling window that is
    open is brought to its end before."""
    return shard.must_relane and lane.window is None
