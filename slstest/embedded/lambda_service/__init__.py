"""AWS Lambda's API, as the AWS documentation describes it, over local runtimes."""
