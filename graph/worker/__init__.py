"""The process that claims workloads, runs them and writes results back. It knows no graph: it is handed one."""
