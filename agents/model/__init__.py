"""How a model is asked: the tool loop, one call, its faults typed, and the clients that answer."""
