"""The check of sentences that a model wrote, behind one door: `Evidence`."""
