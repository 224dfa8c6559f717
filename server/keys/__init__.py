"""Where the cloud's keys come from, how they change, and what is sealed with them.

The root is the master key: a file, the environment, or a file that only KMS opens. From it come the
things that must never change (link tokens, cards' keys, the ledger's signature). What is sealed in
the database is sealed with a data key, of which there may be several: each sealed value names its
own, the newest one seals, and the worker brings old values to it.
"""
