#!/bin/sh
# Makes Temporal's two databases and brings them to the version of this image. Every step may run again unharmed.
set -eu

: "${POSTGRES_SEEDS:?host of the database}"
: "${POSTGRES_USER:?}"
: "${SQL_PASSWORD:?}"
DB_PORT="${DB_PORT:-5432}"
SCHEMAS=/etc/temporal/schema/postgresql/v12

sql_tool() {
    temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" -u "$POSTGRES_USER" "$@"
}

prepare() {
    sql_tool --db "$1" create
    sql_tool --db "$1" setup-schema -v 0.0
    sql_tool --db "$1" update-schema -d "$2"
}

prepare temporal "$SCHEMAS/temporal/versioned"
prepare temporal_visibility "$SCHEMAS/visibility/versioned"
