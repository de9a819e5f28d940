"""The only place with SQL: tables, migrations, and the books that are kept in them."""
