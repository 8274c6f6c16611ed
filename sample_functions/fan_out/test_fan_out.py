import pytest

from slstest import FunctionError

FOLDER = "sample_functions/fan_out"


@pytest.fixture
def worker(sls):
    results = sls.table("results", key="name")
    return sls.function(
        FOLDER, handler="worker.handler", environment={"RESULTS_TABLE": results.name}
    )


@pytest.fixture
def sls_function(sls, worker):
    """The function under test, for the markers: a marker cannot say that there are two."""
    return sls.function(FOLDER, environment={"WORKER_FUNCTION": worker.name})


def test_the_workers_results_are_gathered(sls_function, worker):
    response = sls_function.invoke(
        {"documents": {"a.txt": "one two", "b.txt": "three"}, "wait": True}
    )

    assert response == {"words": {"a.txt": 2, "b.txt": 1}}
    worker.expect_invoked(times=2)


@pytest.mark.invoke_event({"documents": {"a.txt": "one two", "b.txt": "three"}, "wait": False})
def test_documents_are_handed_out_without_waiting(invoke_event, sls):
    assert invoke_event.response == {"accepted": ["a.txt", "b.txt"]}
    sls["results"].expect_item({"name": "a.txt", "words": 2})
    sls["results"].expect_item({"name": "b.txt", "words": 1})


@pytest.mark.invoke_event({"documents": {"a.txt": "one", "empty.txt": ""}, "wait": True})
def test_a_workers_error_is_the_callers_error(invoke_event):
    assert invoke_event.error["errorType"] == "WorkerFailed"
    assert invoke_event.error["errorMessage"] == "empty.txt: ValueError: empty.txt is empty"
    with pytest.raises(FunctionError, match=r"empty\.txt is empty"):
        invoke_event.response  # noqa: B018 - reading it raises


@pytest.mark.sls_needs("clock")  # the retries come after one minute and after two more
@pytest.mark.invoke_event({"documents": {"empty.txt": ""}, "wait": False})
def test_a_worker_that_nobody_waits_for_is_tried_three_times(invoke_event, worker, sls):
    assert invoke_event.response == {"accepted": ["empty.txt"]}
    assert [i.attempt for i in worker.invocations] == [1, 2, 3]
    assert {i.error["errorMessage"] for i in worker.invocations} == {"empty.txt is empty"}
    sls["results"].expect_count(0)


@pytest.mark.invoke_event(
    {"documents": {"a.txt": "one", "b.txt": "two words"}, "wait": False},
    invocation_type="Event",
)
def test_the_fan_out_itself_can_be_invoked_asynchronously(invoke_event, worker, sls):
    assert [i.error for i in invoke_event.invocations] == [None]
    worker.expect_invoked(times=2)
    sls["results"].expect_item({"name": "b.txt", "words": 2})


def test_no_documents_invoke_no_worker(sls_function, worker):
    assert sls_function.invoke({"documents": {}, "wait": True}) == {"words": {}}
    worker.expect_invoked(times=0)
