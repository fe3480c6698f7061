"""TypeScript types of the tables and the view, from the catalogue of a migrated database.

docs/frontend.md shows the result; `python -m tests.supabase.row_types DATABASE_URL` prints it.
"""

import asyncio
import sys
from typing import Any

import psycopg
from psycopg.rows import dict_row

TYPES = {
    "uuid": "string", "text": "string", "varchar": "string", "timestamptz": "string", "int4": "number",
    "int8": "number", "numeric": "number", "bool": "boolean", "jsonb": "Json", "_varchar": "string[]",
}  # fmt: skip
TABLES = ("compute_workloads", "compute_assets", "grid_zones", "uk_regions")
VIEW = "workloads_with_recommendations"
HEAD = "export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]\n"
COLUMNS = """
select a.attname as name, t.typname as type, a.attnotnull as required, a.atthasdef as has_default
from pg_attribute a inner join pg_type t on t.oid = a.atttypid
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""


async def typescript(url: str) -> str:
    """The module `database.types.ts`."""
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as connection:

        async def columns(name: str) -> list[dict[str, Any]]:
            return await (await connection.execute(COLUMNS, (f"public.{name}",))).fetchall()

        tables = "".join([_table(name, await columns(name)) for name in TABLES])
        view = _shape("Row", await columns(VIEW), optional=False)
    return (
        f"{HEAD}\nexport type Database = {{\n  public: {{\n    Tables: {{\n{tables}    }}\n"
        f"    Views: {{\n      {VIEW}: {{\n{view}        Relationships: []\n      }}\n    }}\n"
        "    Functions: { [name in never]: never }\n    Enums: { [name in never]: never }\n"
        "    CompositeTypes: { [name in never]: never }\n  }\n}\n"
    )


def _table(name: str, columns: list[dict[str, Any]]) -> str:
    row = _shape("Row", columns, optional=False)
    insert, update = _shape("Insert", columns, optional=True), _shape("Update", columns, optional=True)
    return f"      {name}: {{\n{row}{insert}{update}        Relationships: []\n      }}\n"


def _shape(kind: str, columns: list[dict[str, Any]], *, optional: bool) -> str:
    lines = [
        f"          {column['name']}{'?' if optional else ''}: {TYPES[column['type']]}"
        f"{'' if column['required'] else ' | null'}\n"
        for column in columns
    ]
    return f"        {kind}: {{\n{''.join(lines)}        }}\n"


if __name__ == "__main__":
    print(asyncio.run(typescript(sys.argv[1])), end="")
