WITH hop AS (
    SELECT case_id, profile, col, what, lead(what) OVER (PARTITION BY case_id, profile, journey ORDER BY col) AS next FROM track
)
SELECT case_id, col, what, next, count(*), count(DISTINCT profile) FROM hop WHERE next IS NOT NULL GROUP BY ALL
