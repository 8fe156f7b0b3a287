"""Run by Alembic: brings the tables up to date over the connection that ``storage.migrate`` has opened."""

from alembic import context
from sqlalchemy import Connection

from storage.tables import metadata

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
