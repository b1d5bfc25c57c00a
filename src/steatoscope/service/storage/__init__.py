"""The database and the content-addressed files: tables, migrations, repositories, backup and consistency."""
