#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: the role that the application signs in as.
# The same as app/embedded/postgres.py does for the embedded server; migrating grants it its rights.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/application_password)" \
     --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create extension if not exists vector;
create role parley login password :'password';
SQL
