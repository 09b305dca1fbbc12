"""livedex: a live index of your domain events.

The flow, one story a line::

    indexing       envelopes from a queue -> documents in OpenSearch -> deltas on a bus
    broadcasting   deltas from a queue -> frames to exactly the connections whose channel matches
    fanning_out    jobs of an audience too big for one broadcast -> frames to its connections
    connecting     a bearer token -> a single-use ticket -> a connection
    answering      a client's frame -> a snapshot or what was missed, in pages, then live
    reading_hits   the same pages over HTTP
    redriving      dead letters -> groups by reason -> their queue again, or nowhere
    applying       index templates and ISM policies -> the cluster

A story is impure and short: it gathers through ports, calls the pure stages of ``core``,
and applies what they return. Start reading at ``indexing``.
"""
