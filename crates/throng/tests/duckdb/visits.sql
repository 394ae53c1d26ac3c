WITH stay AS (
    SELECT case_id, label, lead(at_us) OVER (PARTITION BY case_id, profile, journey ORDER BY k) - at_us AS dwell_us FROM touch
), total AS (
    SELECT case_id, label, count(*) AS n_visits, coalesce(sum(dwell_us), 0)::BIGINT AS dwell_us FROM stay GROUP BY ALL
)
SELECT *, coalesce(dwell_us / nullif(sum(dwell_us) OVER (PARTITION BY case_id), 0), 0)::DOUBLE FROM total
