#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: the application's role, and what it may do with the owner's tables.
# The same as app/embedded/postgres.py does for the embedded server.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/application_password)" \
     --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create extension if not exists vector;
create role parley login password :'password';
alter default privileges for role parley_owner in schema public grant select, insert, update, delete on tables to parley;
alter default privileges for role parley_owner in schema public grant usage, select, update on sequences to parley;
alter default privileges for role parley_owner in schema public grant execute on functions to parley;
SQL
