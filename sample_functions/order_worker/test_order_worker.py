import pytest

FOLDER = "sample_functions/order_worker"
REPORT = {"function_response_types": ["ReportBatchItemFailures"]}


def order(number, *, customer="ada", quantity=1, cents=450):
    lines = [{"sku": "tea", "quantity": quantity, "cents": cents}]
    return {"order_id": f"o-{number}", "customer": customer, "lines": lines}


def ids(invocation):
    return [record["messageId"] for record in invocation.event["Records"]]


@pytest.fixture
def orders(sls):
    return sls.table("taken", key="id")


@pytest.fixture
def worker(sls, orders):
    return sls.function(FOLDER, environment={"ORDERS_TABLE": orders.name}, timeout=2)


# As long as the function may run: what failed is back soon, on clouds in real time as well.
VISIBLE_SOON = {"visibility_timeout": 2}


def queue_with_dead_letters(sls, **settings):
    dead = sls.queue("dead", **settings)
    policy = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3}
    return sls.queue("orders", redrive_policy=policy, **settings), dead


def test_an_order_is_kept_and_added_to_its_customers_total(sls, orders, worker):
    queue = sls.queue()
    worker.triggered_by(queue, **REPORT)

    queue.send(order(1, quantity=2), order(2), order(3, customer="bob"))

    orders.expect_item({"id": "order#o-1", "customer": "ada", "cents": 900})
    orders.expect_item({"id": "customer#ada", "orders": 2, "cents": 1350})
    orders.expect_item({"id": "customer#bob", "orders": 1, "cents": 450})
    queue.expect_empty()


def test_a_poison_message_comes_again_alone_and_ends_in_the_dead_letter_queue(sls, orders, worker):
    queue, dead = queue_with_dead_letters(sls, **VISIBLE_SOON)
    worker.triggered_by(queue, **REPORT)

    good, poison = queue.send(order(1), {"order_id": "o-2"})

    message = dead.expect_message({"order_id": "o-2"})
    assert message.attributes["DeadLetterQueueSourceArn"] == queue.arn
    queue.expect_empty()
    orders.expect_item({"id": "customer#ada", "orders": 1})
    first, *later = worker.invocations
    assert sorted(ids(first)) == sorted([good.message_id, poison.message_id])
    assert [ids(each) for each in later] == [[poison.message_id]] * 2
    worker.expect_log(r"BadOrder: KeyError: 'lines'")


@pytest.mark.sls_table("taken", key="id")
@pytest.mark.sls_queue("dead")
@pytest.mark.sls_queue(
    "orders",
    redrive_policy={"deadLetterTargetArn": "{dead.arn}", "maxReceiveCount": 2},
    **VISIBLE_SOON,
)
@pytest.mark.sls_function(FOLDER, environment={"ORDERS_TABLE": "{taken.name}"}, timeout=2)
@pytest.mark.sqs_event(order(1), "no json at all", order(2), queue="orders", **REPORT)
def test_the_orders_of_a_batch_survive_a_message_that_is_not_json(sqs_event, sls):
    sls["taken"].expect_item({"id": "customer#ada", "orders": 2})
    sls["dead"].expect_message("no json at all")
    assert [len(i.event["Records"]) for i in sqs_event.invocations] == [3, 1]
    assert [i.error for i in sqs_event.invocations] == [None, None]


@pytest.mark.sls_redelivery
@pytest.mark.sls_table("taken", key="id")
@pytest.mark.sls_function(FOLDER, environment={"ORDERS_TABLE": "{taken.name}"})
@pytest.mark.sqs_event(order(1), order(2), **REPORT)
def test_an_order_that_is_delivered_again_counts_once(sqs_event, sls):
    sls["taken"].expect_item({"id": "customer#ada", "orders": 2, "cents": 900})


def test_an_order_counts_once_where_nobody_heard_of_its_success(sls, orders, worker):
    queue = sls.queue(**VISIBLE_SOON)
    worker.triggered_by(queue, **REPORT)
    killed = sls.faults.kill(worker)

    queue.send(order(1), order(2))
    queue.expect_empty()

    assert killed.struck == 1
    assert len(worker.invocations) > 1
    orders.expect_item({"id": "customer#ada", "orders": 2, "cents": 900})
    worker.expect_log("order#o-1 was taken before")


@pytest.mark.sls_table("taken", key="id")
@pytest.mark.sls_function(FOLDER, environment={"ORDERS_TABLE": "{taken.name}"})
@pytest.mark.sqs_event(fifo=True, **REPORT)
def test_no_order_overtakes_a_failed_one_of_its_group(sqs_event, sls):
    failing = sls.faults.fail(
        sqs_event.function, "dynamodb:TransactWriteItems", "ValidationException"
    )

    sqs_event.send(order(1), order(2))
    sqs_event.send(order(3, customer="bob"), message_group_id="bob")

    assert failing.struck == 1
    first, second, _ = sqs_event.invocations
    assert ids(second) == ids(first)
    failed = [each["itemIdentifier"] for each in first.response["batchItemFailures"]]
    assert failed == ids(first)
    sls["taken"].expect_item({"id": "customer#ada", "orders": 2})
    sls["taken"].expect_item({"id": "customer#bob", "orders": 1})
