"""Three agents, what keeps them honest, and how a model is asked."""
