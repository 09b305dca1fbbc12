"""The local stack: real engines on 127.0.0.1, without Docker, root or an account.

``stack`` is the door: ``up``, ``status``, ``down``. Behind it ``opensearch`` and ``aws`` start
their engine, ``engine`` knows how a process is found alive and ended, ``environments`` and
``jars`` install what the engines need, and ``package`` and ``deploy`` bring the functions onto
them. ``install`` makes the project's own environment with nothing but a bare Python.

Beside them stand ``page``, which serves the live page, and what tests and trials put in an engine's
way: ``chaos`` before OpenSearch, ``gateway_twin`` in the place of API Gateway.
"""
