"""The offline planner: rules that speak a chat model's protocol, for where no key is set."""
