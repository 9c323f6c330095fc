"""What leaves the database: outbox rows, the SQS broker, the dispatcher, the timers.

Knows no app above it. What it must be told about them (queues, timers, the way in past row-level
security) comes by settings: `SQS_QUEUES`, `TIMERS`, `MESSAGING_CONTEXT`.
"""
