"""One test's throwaway world."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from slstest.ahead import Prepared, Wanted
from slstest.errors import ConfigurationError, TeardownError
from slstest.faults import Faults
from slstest.features import check_feature
from slstest.functions.deployment import default_label, deploy
from slstest.functions.function import Function
from slstest.functions.package import find_source
from slstest.invocation import Invocation
from slstest.ledger import Entry, Ledger, default_folder
from slstest.matching import listed
from slstest.naming import Names, new_run
from slstest.placeholders import filled
from slstest.redelivery import check_redelivery
from slstest.resources.base import Resource
from slstest.resources.bucket import Bucket, create_bucket
from slstest.resources.queue import Queue, create_queue
from slstest.resources.stream import Stream, create_stream
from slstest.resources.table import Table, create_table
from slstest.resources.table_settings import KeySpec
from slstest.resources.topic import Topic, create_topic
from slstest.scope import History, Scope
from slstest.teardown import delete_entries

if TYPE_CHECKING:
    import boto3

    from slstest.clouds.base import Cloud

R = TypeVar("R", bound=Resource)


class Clock:
    """The environment's time."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def advance(
        self, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0
    ) -> None:
        """Move the time forward and do what falls due on the way (embedded cloud)."""
        total = seconds + 60 * minutes + 3600 * hours + 86400 * days
        if total <= 0:
            raise ConfigurationError(
                f"sls.clock.advance: time only moves forward, not by {total:g} s"
            )
        self._cloud.advance(total)


class Environment:
    """Creates resources and functions for one test and deletes them when it is closed::

        from contextlib import closing

        from slstest import Environment
        from slstest.clouds import open_cloud

        with closing(open_cloud()) as cloud, Environment(cloud) as sls:
            clicks = sls.table(key="page")

    ``label`` says what it is for (a test's name), ``run`` and ``worker`` in which test run;
    they become part of every name. Relative sources of functions are looked up in
    ``base_dirs``, by default the working directory. ``timeout`` is how many seconds an
    expectation waits at most. ``ledger`` is where creations are written down, by default in
    memory for the embedded cloud and otherwise in the user's state folder. ``owner`` is whose
    the resources are, for their tags, by default who calls AWS or the login name. With ``keep``
    nothing is deleted. ``prepared`` is what was created ahead for it, whose names and ledger it
    has.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        label: str = "test",
        run: str | None = None,
        worker: str = "main",
        base_dirs: Sequence[Path] | None = None,
        timeout: float = 30.0,
        ledger: Ledger | None = None,
        owner: str = "",
        keep: bool = False,
        prepared: Prepared | None = None,
    ) -> None:
        if prepared is not None:
            ledger = prepared.scope.ledger
        if ledger is None:
            ledger = Ledger(None if cloud.name == "embedded" else default_folder())
            self._own_ledger: Ledger | None = ledger
        else:
            self._own_ledger = None
        self.keep = keep
        self.clock = Clock(cloud)
        self._cloud = cloud
        self._prepared = prepared
        self._scope = (
            Scope(cloud, Names(run or new_run(), worker, label, owner), ledger, timeout)
            if prepared is None
            else prepared.scope
        )
        self.faults = Faults(self._scope)
        self._base_dirs = [Path.cwd()] if base_dirs is None else list(base_dirs)
        self._named: dict[str, Resource] = {}
        self._resources: list[Resource] = []
        self._closed = False
        cloud.begin()

    # -- creating -----------------------------------------------------------------------

    def bucket(self, name: str | None = None, **parameters: Any) -> Bucket:
        """Create a throwaway S3 bucket.

        ``name`` is by what ``sls[name]`` finds it, and becomes part of its name on the cloud.
        Takes every parameter of CreateBucket in snake case.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        """
        label = self._label(name, Bucket.kind)
        return self._remember(name, create_bucket(self._scope, label, parameters))

    def table(
        self,
        name: str | None = None,
        *,
        key: KeySpec = "id",
        sort_key: KeySpec | None = None,
        stream: bool | str | None = None,
        **parameters: Any,
    ) -> Table:
        """Create a throwaway DynamoDB table.

        A key is an attribute's name, for a string, or name and type: ``("id", "N")``. Key
        attributes of indexes are strings unless ``attribute_definitions=`` says otherwise;
        the billing mode is PAY_PER_REQUEST. With ``stream=True`` the table has a stream of its
        changes, with the old and the new image of each item; a stream view type such as
        ``"KEYS_ONLY"`` says what else it is to hold. Takes every parameter of CreateTable in
        snake case; dicts inside keep AWS's own keys.
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
        """
        arguments = {"key": key, "sort_key": sort_key, "stream": stream, "settings": parameters}
        return self._take_or_create(Wanted(Table.kind, name, arguments), create_table)

    def stream(
        self, name: str | None = None, *, shard_count: int | None = None, **parameters: Any
    ) -> Stream:
        """Create a throwaway Kinesis stream, with one shard by default.

        Takes every parameter of CreateStream in snake case.
        https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
        """
        arguments = {"shard_count": shard_count, "settings": parameters}
        return self._take_or_create(Wanted(Stream.kind, name, arguments), create_stream)

    def queue(self, name: str | None = None, *, fifo: bool = False, **attributes: Any) -> Queue:
        """Create a throwaway SQS queue; with ``fifo``, one that keeps the order of messages,
        and deduplicates by content unless ``content_based_deduplication=False``.

        Takes every attribute of a queue in snake case, such as ``visibility_timeout=30`` or
        ``redrive_policy={"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3}``, and
        ``tags=``.
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
        """
        label = self._label(name, Queue.kind)
        queue = create_queue(self._scope, label, fifo=fifo, settings=attributes)
        return self._remember(name, queue)

    def topic(self, name: str | None = None, *, fifo: bool = False, **attributes: Any) -> Topic:
        """Create a throwaway SNS topic; with ``fifo``, one that keeps the order of messages, and
        deduplicates by content unless ``content_based_deduplication=False``.

        Takes every attribute of a topic in snake case, such as ``display_name="Orders"`` or
        ``signature_version=2``, and ``tags=``. A queue of the harness's own is subscribed to it,
        by which it shows its messages.
        https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
        """
        label = self._label(name, Topic.kind)
        topic = create_topic(self._scope, label, fifo=fifo, settings=attributes)
        return self._remember(name, topic)

    def function(
        self,
        source: str | os.PathLike[str],
        name: str | None = None,
        *,
        handler: str | None = None,
        runtime: str | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: int | None = None,
        memory_size: int | None = None,
        layers: Sequence[str] | None = None,
        policy: Sequence[Mapping[str, Any]] | None = None,
        **parameters: Any,
    ) -> Function:
        """Deploy a function and wait until it is active.

        ``source`` is a folder, a ``.py`` file or a ``.zip`` file. ``handler`` is
        ``"app.handler"`` by default, for a ``.py`` file ``handler`` in it; ``runtime`` is the
        running Python's. ``timeout`` is in seconds, ``memory_size`` in megabytes, both by
        default Lambda's. Takes every parameter of CreateFunction in snake case.

        On AWS it gets a role that allows to use the resources that its environment names, by
        name or ARN, and those that trigger it or receive what it could not handle. ``policy``
        adds statements of an IAM policy; where nothing is forbidden it changes nothing. With
        ``role=``, which is the ARN of a role of yours, none is made.
        https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
        """
        self._check_open()
        path = find_source(source, self._base_dirs)
        optional = {"timeout": timeout, "memory_size": memory_size, "layers": layers}
        given = {key: value for key, value in optional.items() if value is not None}
        function = deploy(
            self._scope,
            self._label(name, default_label(path, handler)),
            path,
            handler=handler,
            runtime=runtime,
            environment=environment,
            policy=policy,
            resources=self._resources,
            settings={**given, **parameters},
        )
        return self._remember(name, function)

    # -- the cloud ----------------------------------------------------------------------

    @property
    def cloud(self) -> str:
        """The name of the cloud, as ``--sls-cloud`` has it."""
        return self._cloud.name

    @property
    def session(self) -> boto3.Session:
        """A boto3 session whose clients reach the cloud."""
        return self._cloud.session()

    @property
    def endpoint_url(self) -> str | None:
        """The URL for clients of one's own; None where AWS's own endpoints are meant."""
        return self._cloud.endpoint_url

    def client(self, service: str) -> Any:
        """A boto3 client that reaches the cloud. What is created by it is not deleted with the
        environment."""
        return self._cloud.client(service)

    def settle(self, timeout: float | None = None) -> None:
        """Return when nothing is under way any more: no record unread, no invocation queued or
        running, no retry due.

        Raises :class:`slstest.errors.NotSettled` after ``timeout`` seconds, naming what is.
        """
        self._cloud.settle(self._scope.limit(timeout))

    def needs(self, *features: str) -> None:
        """Raise :class:`slstest.errors.Unavailable` where the cloud lacks one of these:

        ``"clock"``, time that is skipped while nothing but timers is left (embedded cloud), or an
        AWS service as boto3 calls it, ``"sqs"``. Raises
        :class:`slstest.errors.ConfigurationError` for what is neither.
        """
        for feature in features:
            check_feature(self._cloud, feature)

    def check_redelivery(self, ignore: Collection[str] = (), timeout: float | None = None) -> None:
        """Deliver again what functions have handled with success, and see that every resource
        is afterwards what it was: that the functions are idempotent (embedded cloud).

        Settles, delivers every batch of an event source and every asynchronous event again in
        the old order, settles, and compares tables, buckets, queues and streams. ``ignore``
        names attributes that may differ, at any depth.
        Raises :class:`slstest.errors.ExpectationFailed` listing what differs or failed.
        """
        check_redelivery(self._scope, self._resources, ignore, self._scope.limit(timeout))

    # -- finding ------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        """The resource or function to which the test gave this name."""
        if name not in self._named:
            raise ConfigurationError(
                f"sls[{name!r}]: nothing has this name. Names there are: {listed(self._named)}."
            )
        return self._named[name]

    def __contains__(self, name: object) -> bool:
        return name in self._named

    def invocations(self) -> dict[str, tuple[Invocation, ...]]:
        """What has finished so far, by function, without waiting for more; for
        :mod:`slstest.report.text`."""
        return self._scope.invocations()

    def history(self) -> History:
        """The same and :meth:`undelivered`, as far as they can be read: never raises for the
        cloud's sake."""
        return self._scope.history()

    def undelivered(self) -> tuple[str, ...]:
        """What one service could not deliver to another so far, and why, where the cloud tells;
        for :mod:`slstest.report.text`."""
        return self._scope.undelivered()

    def format(self, value: Any) -> Any:
        """``value`` with placeholders such as ``{clicks.name}`` filled in, at any depth of
        dicts and lists.

        The first part is a name that the test gave, the second ``name`` or ``arn`` (a doubled
        brace, ``{{clicks.name}}``, stays a brace). Other braces are no placeholders. Raises
        :class:`slstest.errors.ConfigurationError` for a name or an attribute that is not there.
        """
        return filled(value, self._named)

    # -- the end ------------------------------------------------------------------------

    def close(self) -> list[Entry]:
        """Delete everything, and return what was kept instead (with ``keep``).

        Raises :class:`slstest.errors.TeardownError` listing what could not be deleted.
        """
        if self._closed:
            return []
        self._closed = True
        if self._prepared is not None:
            self._prepared.stop()
        ledger = self._scope.ledger
        left: TeardownError | None = None
        try:
            if self.keep:
                return [entry for entry in self._scope.entries if ledger.is_open(entry)]
            delete_entries(self._cloud, ledger, self._scope.entries)
            return []
        except TeardownError as error:
            left = error
            raise
        finally:
            self._end(left)

    def __enter__(self) -> Environment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside -------------------------------------------------------------------------

    def _end(self, left: TeardownError | None) -> None:
        """End what the cloud still does. What could not be deleted is told, whatever else fails."""
        try:
            self._cloud.end()
        except Exception as error:
            if left is None:
                raise
            raise TeardownError(f"{left}\nThen the cloud could not end its work: {error}") from left
        finally:
            if self._own_ledger is not None:
                self._own_ledger.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("this environment is closed; its resources are deleted")

    def _label(self, name: str | None, otherwise: str) -> str:
        self._check_open()
        if name is None:
            return self._scope.label(otherwise)
        if name in self._named:
            raise ConfigurationError(f"the name {name!r} is taken by {self._named[name]!r}")
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"a name is a text, not {name!r}")
        return self._scope.label(name)

    def _take_or_create(self, wanted: Wanted, create: Callable[..., R]) -> R:
        label = self._label(wanted.name, wanted.kind)
        ready = None if self._prepared is None else self._prepared.take(wanted)
        if ready is None:
            return self._remember(wanted.name, create(self._scope, label, **wanted.arguments))
        ready.call(label)
        return self._remember(wanted.name, cast(R, ready))

    def _remember(self, name: str | None, resource: R) -> R:
        self._resources.append(resource)
        if name is not None:
            self._named[name] = resource
        return resource
