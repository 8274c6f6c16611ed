"""DynamoDB as AWS has it where moto has it otherwise: change streams and time to live."""
