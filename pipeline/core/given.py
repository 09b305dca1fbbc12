"""What the bill takes as given: of livedex, of AWS, and what can only be assumed."""

from __future__ import annotations

DAY = 86_400
"""Seconds."""

MONTH = 730 * 3_600
"""Seconds: a twelfth of 365 days."""

# --- as template.yaml and the clients have it -------------------------------------------------

BATCH_SIZE = 1_000
"""Messages of a batch, both hops."""

INDEX_GB, BROADCAST_GB, MESSAGE_GB, GATE_GB = 1.0, 1_769 / 1_024, 1.0, 0.5
"""Memory of the index, broadcast and message functions, and of those that open and close connections."""

POSTS_PER_SECOND = 1_000
"""How fast one broadcast posts."""

ARCHIVE_DAYS = 14
"""Days that the archive of the events bus keeps events."""

CLEANING = 900
"""Seconds from one run of the cleaner to the next."""

QUEUES = 3
"""Events, deltas and fan-out."""

HEARTBEAT = 60
"""Seconds after which a client that has heard nothing pings."""

SNAPSHOT = 50
"""Hits of a snapshot whose size the client leaves to us."""

METRICS = 43
"""Names that the functions' metrics have altogether; each refusal code that occurs is one more."""

COUNT_LIFE = 5
"""Seconds for which a function believes its count of a tenant's connections."""

# --- as AWS has it ----------------------------------------------------------------------------

BATCH_BYTES = 6_000_000
"""Bytes at which a batch is closed, 6 MB.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""

POLLERS = 5
"""Pollers of a queue, each with a batch of its own: as many as Lambda begins with.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""

POLL = 20
"""Seconds that an empty long poll takes.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html"""

DELETED = 10
"""Messages that one request deletes.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html"""

LIFE = 7_200
"""Seconds after which API Gateway ends a WebSocket.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

READ_UNIT = 4_096
"""Bytes of a read unit; half a unit where it need not be consistent.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"""

SCAN_PAGE = 1_048_576
"""Bytes of a page of a Scan.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html"""

# --- rows, as the DynamoDB adapter writes them ------------------------------------------------

MEMBERS, REGISTERED, LISTED = 27, 16, 20
"""Rows a read unit: of a channel's members, of a tenant's channels, of a tenant's connections."""

CROWD, CROWD_READS = 1_000, 9
"""Members beyond which a channel has more shards, and what reading these adds at most."""

OPENING_WRITES = 15
"""Ticket 1 + 1, connect 2, subscribe 7, disconnect 2 + 2."""

OPENING_READS = 6
"""To subscribe: the connection, its subscriptions, the channel, whether it is crowded; to disconnect: 2."""

PING_READS = 2
"""The connection, and what it may have missed."""

# --- assumed: look at your own figures --------------------------------------------------------

ENVELOPE = 200
"""Bytes that EventBridge puts around an event."""

FRAME_HEAD = 150
"""Bytes of a frame beside its hits."""

INDEX_SECONDS, EVENT_SECONDS = 0.080, 0.000_1
"""Of an index invocation, and more for each event."""

BROADCAST_SECONDS, READ_SECONDS = 0.030, 0.005
"""Of a broadcast without its posts, and more for each channel whose members are read."""

GATE_SECONDS, SUBSCRIBE_SECONDS, PING_SECONDS = 0.020, 0.100, 0.020
"""Of opening and closing functions, of an answer with a snapshot, of a pong."""

LINES, INDEX_LINES, BROADCAST_LINES, OTHER_LINES = 300, 1_040, 1_360, 690
"""Bytes of log an invocation: Lambda's own, and with those of ours of each function."""

NAIVE_GB, NAIVE_SECONDS, NAIVE_SCAN_SECONDS, NAIVE_POST_SECONDS = 0.5, 0.050, 0.005, 0.008
"""Of the naive design's function: memory; storing a document, reading a page of the scan, one post."""

NAIVE_ROW = 200
"""Bytes of a connection's row with its filter."""
