"""Amazon S3 event notifications: functions, queues and topics are told what happens to objects."""
