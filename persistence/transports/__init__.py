"""How a function of the database is called: PostgreSQL directly, or Supabase's REST interface."""
