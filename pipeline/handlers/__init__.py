"""Lambda's way in: a handler unwraps its event, calls one story, and answers.

Stories are made at the first invocation and kept as long as the function's process lives.
"""
