"""What PostgreSQL says of its own work."""


def rows_of(table: str, plan: dict) -> int:
    """Rows that the scans of a table returned or threw away, over all loops; of a plan that
    EXPLAIN (ANALYZE, FORMAT JSON) gave."""
    rows = sum(rows_of(table, part) for part in plan.get("Plans", []))
    if plan.get("Relation Name") == table:
        each = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        rows += round(each * plan["Actual Loops"])
    return rows
