"""What is measured, one command each: `bin/run python -m benchmarks.engine_cpu` and its neighbors.

Each prints a table, the machine it ran on, and for every target of the engine whether it was met;
`--json FILE` keeps the figures. Ratios are taken within one run: figures of different machines, or
of a busy and a quiet hour, say nothing about each other. docs/performance.md holds the last ones.
"""

from inference.threads import wait_asleep

# Before torch is loaded, as the product's own processes do.
wait_asleep()
