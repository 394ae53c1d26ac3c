WITH hop AS (
    SELECT case_id, profile, coalesce(lag(label) OVER w, '(start)') AS before, label AS after, at_us - lag(at_us) OVER w AS gap_us
    FROM touch WINDOW w AS (PARTITION BY case_id, profile, journey ORDER BY k)
    UNION ALL
    SELECT case_id, profile, label, '(end)', NULL FROM touch WHERE k = n_steps
), edge AS (
    SELECT case_id, before, after, count(*) AS n, count(DISTINCT profile) AS n_profiles, median(gap_us) / 1e6 AS median_seconds,
           list(gap_us ORDER BY gap_us) FILTER (gap_us IS NOT NULL) AS gaps
    FROM hop GROUP BY ALL
)
SELECT case_id, before, after, n, n_profiles,
       (n / sum(n) OVER (PARTITION BY case_id, before))::DOUBLE AS share_out,
       (n / sum(n) OVER (PARTITION BY case_id, after))::DOUBLE AS share_in,
       median_seconds,
       gaps[(len(gaps) * 95 + 99) // 100] / 1e6 AS p95_seconds
FROM edge
