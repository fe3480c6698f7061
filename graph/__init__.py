"""The graph, and the doors to it: what runs a workload, what people see of it, and how it is started."""
