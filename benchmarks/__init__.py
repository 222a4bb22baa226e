"""How long published problems take: ``python -m benchmarks NAME``; docs/benchmarks.md shows them.

Every size runs in a process of its own. Times are given apart: reading and planning (`setup`),
XLA (`compile`), and the numerical work (`solve`), each as processor and as wall seconds, because
the machine may be shared. Rows carry the outputs of the problem, so that a time belongs to an
answer.
"""
