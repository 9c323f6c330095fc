"""SQS as AWS describes it, in memory, with a clock that a test moves and faults that it orders.

moto, which serves the embedded default, takes stale receipts, forgets a deduplication id with its
message and lets a long poll sleep while a group frees: it hides the very mistakes that lose a job.
`tests/messaging/contract` holds this server, moto's and, where credentials are given,
the real one to the same sentences.

    python -m tests.strict_sqs PORT

Not played: retention (four days), policies, tags, encryption, message attributes (refused).
Where AWS's pages are silent: a duplicate is answered with the first one's message id, a purge
leaves the deduplication ids remembered, a dead letter keeps the count of its receives.
"""
