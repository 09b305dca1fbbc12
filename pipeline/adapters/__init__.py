"""The world, spoken to in the words of ``pipeline.ports``.

A live adapter is made by its module's ``connect(settings)``, which is also where its SDK client is
made; ``memory`` keeps the same promises without a world. What an SDK raises ends here: the callers
see ``core.errors``.
"""
