"""The pure core: values in, values out.

No clock, network, environment, logging or randomness. A stage is one verb, one file. Stages
never import each other; they share the nouns of ``model``, ``audience``, ``errors``, ``instant``, ``path``
and ``pattern``. import-linter holds both rules.
"""
