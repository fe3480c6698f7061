"""What a server loads: LangGraph's development server, and the worker's /metrics and /healthz."""
