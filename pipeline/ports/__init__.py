"""What the stories need from the world.

Each port has a live adapter and a ``memory`` one; one contract suite in ``tests/contracts``
holds both to the promises written here. Adapters raise ``core.errors`` only.
"""
