"""Training the network that reads requests: `python -m tests.reader.train`."""
