"""SQS queues as AWS has them: their messages, which moto keeps in ways of its own."""
