"""Settings -> stories with their adapters; the only place that chooses.

``stories`` makes each story ready to call, with the ``parts`` that several share; ``adapters`` chooses
what stands behind the ports; ``shipped`` reads what travels with the code. They import inside their
functions, because each Lambda package carries only the packages that its own stories need.
"""
