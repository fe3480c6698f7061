"""A local stand-in for Gemini's REST API: test equipment. What is recorded from it says so."""
