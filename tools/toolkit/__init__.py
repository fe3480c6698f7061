"""The tools that the agents call, and what they answer."""
