"""What causes invocations: pollers that read a source through the AWS API."""
