"""A sweep: what there is to delete, and deleting it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from slstest.clouds.base import Cloud
from slstest.errors import NothingAnswers, SlstestError
from slstest.ledger import Entry, LedgerFile, read_files
from slstest.sweep.found import Found, InLedger, Tagged, is_over, words
from slstest.sweep.tagged import SERVICES, find_tagged
from slstest.teardown import DELETERS, in_order


@dataclass(frozen=True)
class Place:
    """One region of an account of one cloud."""

    cloud: str
    endpoint_url: str | None
    region: str

    def is_at(self, other: Place) -> bool:
        """Whether it is the same place, whatever the cloud is called there."""
        both = (self.cloud, other.cloud)
        same_kind = both.count("aws") != 1
        return same_kind and (self.endpoint_url, self.region) == (other.endpoint_url, other.region)

    def __str__(self) -> str:
        return f"{self.cloud} {self.endpoint_url or self.region}"


@dataclass(frozen=True)
class Request:
    """What is asked of a sweep."""

    older_than: float
    """Seconds."""
    delete: bool = False
    forget: bool = False
    """Whether to strike what was at endpoints where nothing answers any more."""
    run: str | None = None
    """The only run to be swept."""
    place: Place | None = None
    """Where to look for tags, and the only place whose ledgers count; None takes all ledgers."""
    accounts: Sequence[str] = ()
    """The AWS accounts in which things may be deleted."""


@dataclass(frozen=True)
class Row:
    """What has become of one thing."""

    kind: str
    name: str
    run: str
    age: float | None
    """Seconds."""
    source: str
    place: str
    outcome: str
    failed: bool = False
    due: bool = True
    """Whether it is deleted, or would be."""
    reason: str = ""
    """Why the outcome is that of everything at its place."""


_ARN_HEAD = re.compile(r"\barn:\S*[:/]")

Open = Callable[[Place, Sequence[str]], Cloud]
"""Opens the cloud of a place; the AWS accounts are those that are allowed."""


@dataclass
class Sweep:
    """Finds and deletes. Whatever goes wrong with one thing does not keep the others."""

    request: Request
    open: Open
    folder: Path
    """Where the ledgers are."""
    now: float = field(default_factory=time.time)

    def rows(self) -> Iterator[Row]:
        """What has been found, each after it was dealt with."""
        files = list(read_files(self.folder))
        yield from map(_damaged, (file for file in files if file.damaged))
        wanted = self.request.place
        places: dict[Place, list[InLedger]] = {} if wanted is None else {wanted: []}
        for file in files:
            for entry in file.entries:
                place = _place_of(entry)
                if self.request.run not in (None, entry.run):
                    continue
                if wanted is not None and place.is_at(wanted):
                    place = wanted
                if wanted in (None, place):
                    places.setdefault(place, []).append(InLedger(entry, file))
        struck: list[InLedger] = []
        for place, found in places.items():
            yield from self._at(place, found, struck)
        if self.request.delete:
            self._tidy(files, struck)

    # -- inside -------------------------------------------------------------------------

    def _at(self, place: Place, in_ledger: list[InLedger], struck: list[InLedger]) -> Iterator[Row]:
        if place.cloud == "aws" and self.request.place is None:
            how = f"say --cloud aws --region {place.region} --account ID to sweep it"
            yield from (self._row(each, how, due=False) for each in in_ledger)
            return
        try:
            cloud = self.open(place, self.request.accounts)
        except SlstestError as error:
            if place == self.request.place and not in_ledger:
                raise
            yield from self._unreachable(in_ledger, error, struck)
            return
        with closing(cloud):
            yield from self._in(cloud, in_ledger, struck)

    def _in(self, cloud: Cloud, in_ledger: list[InLedger], struck: list[InLedger]) -> Iterator[Row]:
        found: list[Found] = list(in_ledger)
        if self.request.place is not None:
            tagged, refusals = self._tagged(cloud)
            yield from refusals
            known = {(each.entry.kind, each.entry.name) for each in in_ledger}
            found += [each for each in tagged if _identity(each.entry) not in known]
        by_entry = {id(each.entry): each for each in found}
        oldest_first = sorted((each.entry for each in found), key=lambda entry: entry.time)
        for entry in in_order(oldest_first):
            each = by_entry[id(entry)]
            why_left = self._why_left(cloud, each)
            if why_left:
                yield self._row(each, f"left: {why_left}", due=False)
            elif not self.request.delete:
                yield self._row(each, "would be deleted")
            else:
                yield self._delete(cloud, each, struck)

    def _tagged(self, cloud: Cloud) -> tuple[list[Tagged], list[Row]]:
        from botocore.exceptions import BotoCoreError, ClientError

        found: list[Tagged] = []
        refusals: list[Row] = []
        for service in SERVICES:
            try:
                found += find_tagged(cloud, service)
            except (BotoCoreError, ClientError, SlstestError) as error:
                outcome = f"could not be listed: {error}"
                place = str(_place_in(cloud))
                refusals.append(Row(service, "", "", None, "tag", place, outcome, failed=True))
        return [each for each in found if self.request.run in (None, each.entry.run)], refusals

    def _why_left(self, cloud: Cloud, found: Found) -> str:
        if found.entry.account_id != cloud.account_id:
            return f"it is of the account {found.entry.account_id}, not {cloud.account_id}"
        return found.why_left(self.now, self.request.older_than)

    def _delete(self, cloud: Cloud, found: Found, struck: list[InLedger]) -> Row:
        delete = DELETERS.get(found.entry.kind)
        if delete is None:
            outcome = "could not be deleted: this version knows no such kind"
            return self._row(found, outcome, failed=True)
        try:
            delete(cloud, found.entry)
        except Exception as error:  # whatever it is, the others must be tried
            return self._row(found, f"could not be deleted: {error}", failed=True)
        if isinstance(found, InLedger):
            struck.append(found)
        return self._row(found, "deleted")

    def _unreachable(
        self, in_ledger: list[InLedger], error: SlstestError, struck: list[InLedger]
    ) -> Iterator[Row]:
        silent = isinstance(error, NothingAnswers)
        for each in in_ledger:
            if why_left := each.why_left(self.now, self.request.older_than):
                yield self._row(each, f"left: {why_left}", due=False)
            elif not (silent and self._is_gone(each.entry)):
                row = self._row(each, "cannot be reached", failed=self.request.delete, due=False)
                yield replace(row, reason=str(error))
            elif not self.request.delete:
                yield self._row(each, "would be forgotten: gone with its endpoint")
            else:
                struck.append(each)
                yield self._row(each, "forgotten: gone with its endpoint")

    def _is_gone(self, entry: Entry) -> bool:
        """Whether a thing counts as gone because nothing answers where it was. AWS is never
        gone."""
        return entry.cloud != "aws" and (self.request.forget or _went_with_its_container(entry))

    def _tidy(self, files: Iterable[LedgerFile], struck: Iterable[InLedger]) -> None:
        """Write down what is gone, and remove the ledgers that nobody needs any more."""
        for file in files:
            gone = [each.entry for each in struck if each.file is file]
            left = [entry for entry in file.entries if entry not in gone]
            writers = gone if file.process is None else [file.process]
            is_needed = left or file.damaged or not writers
            if not is_needed and all(is_over(each) for each in writers):
                file.remove()
            elif gone:
                file.strike(gone)

    def _row(self, found: Found, outcome: str, *, failed: bool = False, due: bool = True) -> Row:
        entry = found.entry
        return Row(
            entry.kind,
            entry.name,
            entry.run,
            found.age(self.now),
            found.source,
            str(_place_of(entry)),
            outcome,
            failed,
            due,
        )


def table(rows: Sequence[Row]) -> str:
    """Rows as text, in columns, and below them each reason that holds for a place."""
    head = ("KIND", "NAME", "RUN", "AGE", "FOUND BY", "WHERE", "")
    lines = [head] + [
        (
            row.kind,
            _ARN_HEAD.sub("", row.name),
            row.run,
            "" if row.age is None else words(row.age),
            row.source,
            row.place,
            " ".join(row.outcome.split()),
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    columns = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    reasons = [
        f"{row.place} {row.outcome}: {' '.join(row.reason.split())}" for row in rows if row.reason
    ]
    return "\n".join([*columns, *([""] if reasons else []), *dict.fromkeys(reasons)])


def _damaged(file: LedgerFile) -> Row:
    outcome = (
        f"left: {file.damaged} line(s) of it cannot be read. Look for what they named by its tags "
        "(--cloud), then remove the file"
    )
    return Row("ledger", str(file.path), "", None, "ledger", "", outcome, due=False)


def _went_with_its_container(entry: Entry) -> bool:
    """Whether an endpoint that is gone was most likely a container of ours, which keeps nothing."""
    host = urlsplit(entry.endpoint_url or "").hostname
    return entry.cloud == "localstack" and host in ("127.0.0.1", "localhost", "::1")


def _place_of(entry: Entry) -> Place:
    return Place(entry.cloud, entry.endpoint_url, entry.region)


def _place_in(cloud: Cloud) -> Place:
    return Place(cloud.name, cloud.endpoint_url, cloud.region)


def _identity(entry: Entry) -> tuple[str, str]:
    return entry.kind, entry.name
