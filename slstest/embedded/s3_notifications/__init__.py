"""Amazon S3 event notifications: functions and queues are told what happens to objects."""
