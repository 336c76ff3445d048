"""The task queue, on RabbitMQ or in process. One test suite checks the contract of both."""
