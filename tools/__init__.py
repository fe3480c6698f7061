"""Numbers: the vocabulary of placement, carbon and price sources, energy, and the exact search."""
