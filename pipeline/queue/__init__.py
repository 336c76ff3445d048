"""The task queue: RabbitMQ, or in process. Both keep one contract, tested by one suite."""
