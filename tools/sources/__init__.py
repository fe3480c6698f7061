"""Carbon-intensity and price sources: fetched, kept, and degraded step by step."""
