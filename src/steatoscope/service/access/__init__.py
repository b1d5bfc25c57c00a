"""Who may do what: roles, rights, passwords and tokens. Pure functions, no database."""
