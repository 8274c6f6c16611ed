"""SNS topics as AWS has them: what they take, what they pass on, and to whom."""
