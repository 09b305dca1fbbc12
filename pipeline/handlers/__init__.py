"""Lambda's way in: a handler unwraps its event, calls one story, and answers.

Stories are made at the first invocation and kept as long as the function's process lives.
"""

import gc

COLLECT_AFTER = (50_000, 20, 20)
"""When Python looks for garbage that refers to itself; by default after 700 objects more.

What a batch is made into lives until its end, so looking earlier finds nothing, and takes a fifth of the
index function's processor time (``make bench-index``). What is imported lives as long as the process, so this
holds before anything else is.
https://docs.python.org/3/library/gc.html#gc.set_threshold
"""

gc.set_threshold(*COLLECT_AFTER)
