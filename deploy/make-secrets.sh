#!/usr/bin/env bash
# Writes the random secrets that compose.yaml mounts into deploy/secrets, leaving those that exist.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
random() { python3 -c 'import secrets; print(secrets.token_urlsafe(36), end="")'; }
keep() { [ -s "secrets/$1" ] || printf '%s' "$2" > "secrets/$1"; }

keep owner_password "$(random)"
keep application_password "$(random)"
keep secret_key "$(random)"
keep model_api_key "$(random)"
keep database_url "postgresql://parley:$(cat secrets/application_password)@postgres:5432/parley"
keep database_owner_url "postgresql://parley_owner:$(cat secrets/owner_password)@postgres:5432/parley"
# The containers' own users must be able to read what is mounted; the folder around it stays closed.
chmod 700 secrets
chmod 644 secrets/*
echo "Secrets are in deploy/secrets. Keep a copy of secret_key: what it encrypts cannot be read without it."
